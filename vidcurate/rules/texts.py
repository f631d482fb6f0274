"""What rules ask of texts and lists: what they contain, their lengths, how clear a choice is."""

from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.rules.schema import SCORE
from vidcurate.rules.tree import TextTest

Values = Any  # pa.Array | pa.ChunkedArray | pa.Scalar: Arrow's functions take each of them
# Scripts without spaces between words: there each letter counts as one.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
WORD = rf"[{UNSPACED}]|[^\pZ\pP\pS\pC{UNSPACED}]+"


def has_text(values: Values, node: TextTest) -> Values:
    """Where a text contains one of some others, or matches a pattern; null where it is missing.

    Patterns are RE2's, whose time grows with the text alone.
    """
    texts = [str(choice.value) for choice in node.choices]
    if pa.types.is_list(values.type):
        found = has_item(values, texts)
    elif node.word == "contains":
        each = [pc.match_substring(values, text, ignore_case=True) for text in texts]
        found = reduce(pc.or_, each)
    else:
        found = reduce(pc.or_, [pc.match_substring_regex(values, text) for text in texts])
    return pc.invert(found) if node.negated else found


def has_item(values: Values, texts: list[str]) -> Values:
    """Where a list has one of some texts, whatever their case."""
    lists = one_array(values)
    wanted = pc.utf8_lower(pa.array(texts, pa.string()))
    is_wanted = pc.is_in(pc.utf8_lower(pc.list_flatten(lists)), value_set=wanted)
    rows = pc.list_parent_indices(lists).filter(is_wanted).to_numpy()
    found = np.zeros(len(lists), bool)
    found[rows] = True
    return pa.array(found, mask=lists.is_null().to_numpy(zero_copy_only=False))


def measured(function: str, values: Values) -> Values:
    """The words of texts, the length of texts or lists, or the margin of candidates."""
    if function == "margin":
        return margins(one_array(values))
    if function == "words":
        return pc.count_substring_regex(values, WORD)
    is_list = pa.types.is_list(values.type)
    return pc.list_value_length(values) if is_list else pc.utf8_length(values)


def margins(lists: pa.ListArray) -> pa.Array:
    """By how much the best candidate's score is above the next; null for fewer than two scores."""
    scores = pc.struct_field(pc.list_flatten(lists), SCORE)
    rows = pc.list_parent_indices(lists)
    known = pc.and_kleene(pc.is_valid(scores), pc.invert(pc.is_nan(scores)))
    scores, rows = scores.filter(known).to_numpy(), rows.filter(known).to_numpy()
    order = np.lexsort((-scores, rows))
    scores, rows = scores[order], rows[order]
    first = np.searchsorted(rows, np.arange(len(lists)), "left")
    counts = np.searchsorted(rows, np.arange(len(lists)), "right") - first
    has_two = counts > 1
    found = np.full(len(lists), np.nan)
    best = first[has_two]
    found[has_two] = scores[best] - scores[best + 1]
    return pa.array(found, mask=~has_two)


def one_array(values: Values) -> pa.ListArray:
    """A column in one piece."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
