"""What a call of a tool depends on, and whether a person has to agree to it for that."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from agents.policy.policy import DEFAULT_POLICY, Policy
from agents.policy.sources import ANYWHERE, NOWHERE, Sources, together

# Stands for arguments of which not even the names are known.
ALL_OF_IT = "*"


@dataclass(frozen=True, slots=True)
class Influence:
    """`sources`: of everything that whoever makes the call has read. With `arguments`, the call itself stands in a
    program, and only what is in its arguments is of others: those named have these sources, and any others have
    `sources`."""

    policy: Policy
    sources: Sources
    arguments: Mapping[str, Sources] | None = None

    def held(self, tool: str, names: Iterable[str] = ()) -> dict[str, Sources]:
        """Why a person must agree to a call of the dangerous tool, with arguments of these names: those that hold it,
        with the sources that do so. All of the arguments of a model do together. Nothing: nobody has to."""
        policy, arguments = self.policy, self.arguments
        if policy.allows(tool):
            return {}
        if arguments is None:
            sources = self.sources & policy.tainted
            return {ALL_OF_IT: sources} if sources else {}
        found = {
            name: arguments.get(name, self.sources) & policy.tainted for name in dict.fromkeys([*arguments, *names])
        }
        return {name: sources for name, sources in found.items() if sources and not policy.allows(tool, name)}

    @property
    def whole(self) -> Sources:
        """All sources of it."""
        return self.sources if self.arguments is None else together(self.arguments.values()) | self.sources


# Of a call of which nothing is said: whoever forgets to say it has people asked.
UNKNOWN = Influence(DEFAULT_POLICY, ANYWHERE)

_current: ContextVar[Sources] = ContextVar("influence_of_call", default=NOWHERE)


def current_sources() -> Sources:
    """What the tool call in which this happens depends on; nothing outside of any. What a tool begins (a run, a chat, a
    message) depends on it too."""
    return _current.get()


@contextmanager
def depending_on(sources: Sources) -> Iterator[None]:
    """What happens in here depends on these sources, beside those that led here."""
    token = _current.set(_current.get() | sources)
    try:
        yield
    finally:
        _current.reset(token)
