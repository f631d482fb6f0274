"""Rules put into a YAML file; every line that is about something else stays as it is written.

Libraries that write YAML again as a whole move comments and indents. So only the lines of the rules
are changed here, and what comes out is read again to prove that nothing else is.
"""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

import yaml

from vidcurate.review.answers import ConflictError
from vidcurate.stages.selection.filter import FILTER

SECTION, KEY = FILTER.name, "rules"
BY_HAND = "its rules are written in a way that cannot be changed here: write them in by hand"


def with_rules(text: str, rules: Sequence[str]) -> str:
    """A config file's text with other rules for its filter.

    Rules that stay keep their lines and comments. Raises ConflictError where that cannot be done.
    """
    written = edited(text, rules)
    try:
        before, after = yaml.safe_load(text) or {}, yaml.safe_load(written)
        section = {**(before.get(SECTION) or {}), KEY: list(rules)}
        is_right = after == {**before, SECTION: section}
    except (yaml.YAMLError, AttributeError, TypeError) as error:
        raise ConflictError(BY_HAND) from error
    if not is_right:
        raise ConflictError(BY_HAND)
    return written


def edited(text: str, rules: Sequence[str]) -> str:
    """The text with rules put in where its YAML has them, or would have them."""
    end = "\r\n" if "\r\n" in text else "\n"
    section = value_of(yaml.compose(text, yaml.SafeLoader), SECTION)
    if section is None:
        head = text if not text or text.endswith("\n") else text + end
        return f"{head}{SECTION}:{end}  {KEY}:{block(rules, '    ', end)}{end}"
    found = value_of(section, KEY)
    if isinstance(found, yaml.SequenceNode) and not found.flow_style:
        return with_lines(text, found, rules, end)
    if found is not None:
        return put(text, found, f" {flow(rules)}" if is_bare(found) else flow(rules))
    if isinstance(section, yaml.MappingNode) and section.value and section.flow_style:
        first = section.value[0][0].start_mark.index
        return f"{text[:first]}{KEY}: {flow(rules)}, {text[first:]}"
    if isinstance(section, yaml.MappingNode) and section.value:
        mark = section.value[0][0].start_mark
        indent = " " * mark.column
        lines = f"{KEY}:{block(rules, indent + '  ', end)}{end}{indent}"
        return f"{text[: mark.index]}{lines}{text[mark.index :]}"
    space = " " if is_bare(section) else ""
    return put(text, section, f"{space}{{{KEY}: {flow(rules)}}}")


def value_of(node: Any, key: str) -> Any:
    """The node of a mapping's key; None where there is none."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def is_bare(node: Any) -> bool:
    """Whether nothing is written where a value could be."""
    return bool(node.start_mark.index == node.end_mark.index)


def put(text: str, node: Any, written: str) -> str:
    """The text with something else in the place of a node."""
    return text[: node.start_mark.index] + written + text[node.end_mark.index :]


def flow(rules: Sequence[str]) -> str:
    """Rules as a list on one line."""
    return dumped(list(rules))


def block(rules: Sequence[str], indent: str, end: str) -> str:
    """Rules as lines of their own after their key."""
    return "".join(f"{end}{indent}- {dumped(rule)}" for rule in rules) or " []"


def dumped(value: Any) -> str:
    """A value as YAML on one line, in quotes where it needs them."""
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def with_lines(text: str, found: Any, rules: Sequence[str], end: str) -> str:
    """The text with other lines in a list of one rule a line."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += end
    items, indent = found.value, " " * found.start_mark.column
    if not rules:
        for item in reversed(items):
            del lines[slice(*lines_of(item))]
        key = next(n for n in reversed(range(found.start_mark.line)) if f"{KEY}:" in lines[n])
        lines[key] = lines[key].replace(f"{KEY}:", f"{KEY}: []", 1)
        return "".join(lines)
    changes = SequenceMatcher(None, [item.value for item in items], rules, autojunk=False)
    for kind, old, old_end, new, new_end in reversed(changes.get_opcodes()):
        if kind != "equal":
            pairs = zip_longest(items[old:old_end], rules[new:new_end])
            place = lines_of(items[old])[0] if old < len(items) else lines_of(items[-1])[1]
            until = lines_of(items[old_end - 1])[1] if old_end > old else place
            # Comments between the lines that change stay where they are.
            between = {n: lines[n] for n in range(place, until)}
            lines[place:until] = list(changed_lines(pairs, between, indent, end))
    return "".join(lines)


def changed_lines(pairs: Any, lines: Mapping[int, str], indent: str, end: str) -> Sequence[str]:
    """The lines of some rules, old ones by their nodes, with new ones in their place."""
    found: list[str] = []
    kept = dict(lines)
    for item, rule in pairs:
        if item is None:
            found.append(f"{indent}- {dumped(rule)}{end}")
            continue
        first, last = lines_of(item)
        found += [kept.pop(n) for n in sorted(kept) if n < first]
        rest = lines[last - 1][item.end_mark.column :]
        for number in range(first, last):
            kept.pop(number)
        if rule is not None:
            found.append(f"{lines[first][: item.start_mark.column]}{dumped(rule)}{rest}")
    return found


def lines_of(item: Any) -> tuple[int, int]:
    """The numbers of a rule's first line and of the one after its last."""
    return item.start_mark.line, item.end_mark.line + 1
