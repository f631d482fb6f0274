"""Who judges texts: one model, or the same question to two, and how far they agree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from vidcurate.captioning.usage import Usage, count_usage, sum_known
from vidcurate.models.chat.conversation import Conversation, by_requests, one_request

T = TypeVar("T")
Verdict = TypeVar("Verdict")
SECOND = "second"
"""The name of the second model in requests."""
SAME = "same"
"""In place of a second model: the first is asked again, what is judged in reverse order."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often judges said yes, and how often both said the same; None without a second."""

    n_verdicts: int = 0
    n_yes: int = 0
    n_second_yes: int | None = None
    n_agreed: int | None = None

    def plus(self, first: Sequence[bool], second: Sequence[bool] | None) -> "Tally":
        """The tally with more verdicts."""
        counts = Tally(self.n_verdicts + len(first), self.n_yes + sum(first))
        if second is None:
            return replace(counts, n_second_yes=self.n_second_yes, n_agreed=self.n_agreed)
        agreed = sum(one == other for one, other in zip(first, second, strict=True))
        return replace(
            counts,
            n_second_yes=(self.n_second_yes or 0) + sum(second),
            n_agreed=(self.n_agreed or 0) + agreed,
        )

    @property
    def agreement(self) -> float | None:
        """The share of verdicts on which both agree; None without a second or without verdicts."""
        if not self.n_verdicts or self.n_agreed is None:
            return None
        return self.n_agreed / self.n_verdicts

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond chance; None without a second, or where all is one word.

        It is (o - e) / (1 - e), with o the share on which both agree and e the share on which they
        would if each kept its own share of yes (Cohen 1960).
        """
        agreement = self.agreement
        if agreement is None or self.n_second_yes is None:
            return None
        first, second = self.n_yes / self.n_verdicts, self.n_second_yes / self.n_verdicts
        by_chance = first * second + (1 - first) * (1 - second)
        return (agreement - by_chance) / (1 - by_chance) if by_chance < 1 else None


@dataclass(slots=True)
class Judges:
    """The judges of one clip, with what their requests used and what they said.

    `second` is "" for one judge, `same` for one that is asked twice, else another model.
    """

    second: str = ""
    usage: Usage = field(default_factory=Usage)
    second_usage: Usage = field(default_factory=Usage)
    tally: Tally = Tally()

    @property
    def n_requests(self) -> int:
        """All requests."""
        return self.usage.n_requests + self.second_usage.n_requests

    @property
    def prompt_tokens(self) -> int | None:
        """The tokens of all prompts."""
        return sum_known(self.usage.prompt_tokens, self.second_usage.prompt_tokens)

    @property
    def completion_tokens(self) -> int | None:
        """The tokens of all answers."""
        return sum_known(self.usage.completion_tokens, self.second_usage.completion_tokens)

    def ask(self, conversation: Conversation[T]) -> Conversation[T]:
        """Ask the first judge."""
        return count_usage(conversation, self.usage)

    def judge(
        self,
        items: Sequence[T],
        ask: Callable[[Sequence[T]], Conversation[list[Verdict]]],
        is_yes: Callable[[Verdict], bool],
    ) -> Conversation[list[Verdict]]:
        """The first judge's verdict on each item; the second's are counted against them."""
        found = yield from self.ask(ask(items))
        second: list[bool] | None = None
        if self.second == SAME:
            # A model without randomness would only repeat itself.
            again = yield from count_usage(ask(items[::-1]), self.second_usage)
            second = [is_yes(verdict) for verdict in again[::-1]]
        elif self.second:
            other = yield from count_usage(asked_of(SECOND, ask(items)), self.second_usage)
            second = [is_yes(verdict) for verdict in other]
        self.tally = self.tally.plus([is_yes(verdict) for verdict in found], second)
        return found


def asked_of(name: str, conversation: Conversation[T]) -> Conversation[T]:
    """The same conversation, held with another of several models."""
    return by_requests(conversation, lambda request: one_request(replace(request, to=name)))
