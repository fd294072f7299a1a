"""What may be in a value: the sources of its content, of an object those of each key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agents.policy.sources import NOWHERE, SOURCES, USER, Sources
from tasks.expressions.names_of_keys import meant_by

# The input of a run and the answers to its waits, whose sources only the run knows; beside those that a policy names.
INPUT, ANSWERS = "input", "answers"
ANYWHERE: Sources = frozenset({INPUT, ANSWERS, *SOURCES})


def known(sources: Sources, of_input: Iterable[str] = (USER,), of_answers: Iterable[str] = (USER,)) -> Sources:
    """The sources, where the input and the answers come from these."""
    found = sources - {INPUT, ANSWERS}
    return found.union(of_input if INPUT in sources else (), of_answers if ANSWERS in sources else ())


@dataclass(frozen=True, slots=True)
class Content:
    """`sources` of all of it. `keys` are those of an object, if they are all known, as they are stored."""

    sources: Sources = NOWHERE
    keys: Mapping[str, Sources] | None = None

    def at(self, key: str | int) -> "Content":
        """What is there under a key."""
        if self.keys is None:
            return self
        meant = [self.keys[each] for each in meant_by(key) if each in self.keys] if isinstance(key, str) else []
        # A read of anything else should give nothing; should it not, it is of all of it.
        return Content(NOWHERE.union(*meant) if meant else self.sources)

    def beside(self, other: "Content") -> "Content":
        """What is there if it may be the one or the other."""
        if self == other or other is EMPTY:
            return self
        if self is EMPTY:
            return other
        whole = self.sources | other.sources
        if self.keys is None or other.keys is None:
            return Content(whole)
        keys = {key: self.keys.get(key, NOWHERE) | other.keys.get(key, NOWHERE) for key in {**self.keys, **other.keys}}
        return Content(whole, keys)

    def depending(self, sources: Sources) -> "Content":
        """The same where what it is depends on these sources too."""
        if sources <= self.sources and self.keys is None:
            return self
        keys = None if self.keys is None else {key: found | sources for key, found in self.keys.items()}
        return Content(self.sources | sources, keys)


# Of what is never there, as of a step that was not looked at yet.
EMPTY = Content(NOWHERE, MappingProxyType({}))


def opaque(*several: Content) -> Content:
    """A value made of all of these."""
    return Content(NOWHERE.union(*(each.sources for each in several)))


def either(several: Iterable[Content]) -> Content:
    """A value that is one of these."""
    found = EMPTY
    for each in several:
        found = found.beside(each)
    return found
