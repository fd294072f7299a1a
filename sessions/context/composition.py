"""What a prompt is made of, and what was left out of it and why: numbers, kept with the record of its call."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from julep_project.core.json_value import Json

_MOST_DOCS = 50


class Section(StrEnum):
    """Where a part of a prompt comes from. `rounds` are calls the model made meanwhile, with their results."""

    SYSTEM = "system"
    DOCS = "docs"
    SUMMARY = "summary"
    HISTORY = "history"
    NEW = "new"
    ROUNDS = "rounds"
    TOOLS = "tools"


class Reason(StrEnum):
    """Why something of a conversation is not in a prompt."""

    UNREAD = "unread"
    CALLS = "calls"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Amount:
    """How much; None of what was not counted."""

    messages: int | None
    tokens: int | None

    @classmethod
    def of(cls, tokens: Sequence[int]) -> Self:
        """So many messages with these tokens."""
        return cls(len(tokens), sum(tokens))

    def to_json(self) -> dict[str, Json]:
        return {"messages": self.messages, "tokens": self.tokens}


Part = tuple[Section, int]


@dataclass(frozen=True, slots=True)
class Composition:
    """`parts` are the messages of a prompt in their order, with their tokens; `docs_tokens` those of the system message
    that are of docs, estimated by their length."""

    budget: int | None
    overflow: str | None
    parts: Sequence[Part] = ()
    tools_tokens: int = 0
    docs: Sequence[str] = ()
    docs_tokens: int = 0
    left_out: Mapping[Reason, Amount] = field(default_factory=dict)
    rounds: Amount = Amount(0, 0)

    def cut(self, fitting: Collection[int]) -> Self:
        """What is left of it when only the parts at these positions fit."""
        kept = [part for index, part in enumerate(self.parts) if index in fitting]
        dropped = [tokens for index, (_, tokens) in enumerate(self.parts) if index not in fitting]
        if not dropped:
            return self
        earlier = self.left_out.get(Reason.BUDGET, Amount(0, 0))
        amount = Amount((earlier.messages or 0) + len(dropped), (earlier.tokens or 0) + sum(dropped))
        return replace(self, parts=kept, left_out={**self.left_out, Reason.BUDGET: amount})

    def with_tools(self, tokens: int) -> Self:
        """The same with tools, all of it having so many tokens."""
        return replace(self, tools_tokens=self._beyond(tokens))

    def after_rounds(self, fitting: Collection[int], added: int, tokens: int | None = None) -> Self:
        """With so many messages behind it, when of its own those at these positions fit; `tokens` is what all of it
        has, if that was counted."""
        own = self.cut(fitting)
        told = None if tokens is None else max(own._beyond(tokens) - self.tools_tokens, 0)
        return replace(own, rounds=Amount(added, told))

    def _beyond(self, tokens: int) -> int:
        return max(tokens - sum(part[1] for part in self.parts), 0)

    def to_json(self, *place: int) -> dict[str, Json]:
        """As it is kept; `place` says which of the calls of a chat it is of."""
        sections = {section.value: self._amount(section).to_json() for section in Section}
        return {
            "place": list(place),
            "budget": self.budget,
            "overflow": self.overflow,
            "sections": {name: told for name, told in sections.items() if any(told.values())},
            "left_out": {reason.value: amount.to_json() for reason, amount in self.left_out.items()},
            "docs": list(self.docs[:_MOST_DOCS]),
        }

    def _amount(self, section: Section) -> Amount:
        if section is Section.TOOLS:
            return Amount(None, self.tools_tokens)
        if section is Section.DOCS:
            return Amount(None, self.docs_tokens)
        if section is Section.ROUNDS:
            return self.rounds
        found = Amount.of([tokens for one, tokens in self.parts if one is section])
        return replace(found, tokens=(found.tokens or 0) - self.docs_tokens) if section is Section.SYSTEM else found


def tokens_of_docs(system: str, tokens: int, docs: Iterable[Mapping[str, Json]]) -> int:
    """Which part of the tokens of a system message is of these docs: as much as of its length."""
    texts = (doc["snippet"]["content"] for doc in docs)
    length = sum(len(text) for text in texts if isinstance(text, str) and text in system)
    return tokens * min(length, len(system)) // len(system) if system else 0
