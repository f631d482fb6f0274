"""Reads how probable a model of the package transformers holds each choice, from its tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from vidcurate.models.chat.choices import TokenStep

N_KEPT = 20  # of the likeliest tokens of each step


@dataclass(slots=True)
class StepRecorder:
    """Keeps the likeliest tokens of each step, and those that begin a choice, however unlikely.

    It is a logits processor of the package transformers, and changes nothing. `firsts` are the
    numbers of the tokens that begin a choice; a step is two arrays of shape (batch, tokens).
    """

    firsts: Sequence[int]
    steps: list[tuple[Any, Any]] = field(default_factory=list)

    def __call__(self, _tokens: Any, scores: Any) -> Any:
        """Keep a step."""
        import torch  # noqa: PLC0415 - heavy

        logprobs = torch.log_softmax(scores.float(), dim=-1)
        top = logprobs.topk(min(N_KEPT, logprobs.shape[-1])).indices
        firsts = torch.tensor(self.firsts, device=top.device).expand(len(top), -1)
        kept = torch.cat([top, firsts], dim=1)
        self.steps.append((kept.cpu(), logprobs.gather(1, kept).cpu()))
        return scores


def first_tokens(tokenizer: Any, choices: Sequence[str]) -> list[int]:
    """The tokens with which choices may begin, by case and with a space before them or not."""
    cases = {case for c in choices for case in (c, c.lower(), c.capitalize(), c.upper())}
    written = [f"{space}{case}" for case in sorted(cases) for space in ("", " ")]
    encoded = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in written]
    return sorted({int(tokens[0]) for tokens in encoded if tokens})


def recorded_steps(
    tokenizer: Any, recorder: StepRecorder, number: int, row: Sequence[int], text: str
) -> Iterator[TokenStep]:
    """The steps of the answer `text` in the tokens `row` of one request of a batch.

    A token's text is what it adds to that of the tokens before it; one that ends the answer adds
    nothing.
    """

    def text_of(tokens: Sequence[int]) -> str:
        return str(tokenizer.decode(list(tokens), skip_special_tokens=True))

    start = 0
    while start + 1 < len(row) and text and text in text_of(row[start + 1 :]):
        start += 1
    for place in range(start, len(row)):
        written = row[start:place]
        length = len(text_of(written))
        tokens, logprobs = (part[number].tolist() for part in recorder.steps[place])
        pairs = dict(zip(tokens, logprobs, strict=True))
        added = {token: text_of([*written, token])[length:] for token in pairs}
        likeliest = tuple((added[token], logprob) for token, logprob in pairs.items())
        yield TokenStep(added[row[place]], likeliest)
