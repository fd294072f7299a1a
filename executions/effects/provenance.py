"""Where the input of a run and the answers to its waits come from: from users, or from what the tool call has read by
which they are given."""

from collections.abc import Mapping
from typing import Any

from agents.policy.influence import current_sources
from agents.policy.sources import OF_USER, Sources, in_order

INPUT, ANSWERS = "input", "answers"


def noted_sources(stored: Mapping[str, Any] | None, what: str) -> dict[str, Any] | None:
    """What is to be stored of a run once something of this kind is given to it. None: all is of users."""
    given = current_sources()
    if not given:
        return None if stored is None else dict(stored)
    known = {**(stored or {})}
    return {**known, what: in_order({*known.get(what, ()), *given})}


def sources_of(stored: Mapping[str, Any] | None, what: str) -> Sources:
    """Where it comes from, as it is stored of a run."""
    return OF_USER | frozenset((stored or {}).get(what, ()))
