"""Changes of the run's store that add to what is there, made while nobody else can write it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from django.db import transaction

from executions.engine.contents import Contents
from executions.models import Execution
from tasks.steps.outcomes import Change, UnfitValue


@contextmanager
def state_to_commit(
    execution_id: UUID, state: Mapping[str, Any], changes: Mapping[str, Sequence[Change]], contents: Contents
) -> Iterator[Mapping[str, Any]]:
    """What to store: `state`, with `changes` made to what the store holds now.

    With changes the run's row is locked, first of all rows as in every commit, until the body ends, which commits.
    """
    if not changes:
        yield state
        return
    with transaction.atomic():
        yield {**state, **_changed(execution_id, changes, contents)}


def _changed(execution_id: UUID, changes: Mapping[str, Sequence[Change]], contents: Contents) -> dict[str, Any]:
    """A step that found a value it could not change has failed; one that is there only since then stays as it is."""
    locked = Execution.objects.select_for_update().filter(pk=execution_id)
    state = locked.values_list("state", flat=True).first() or {}
    found = contents.unpack_state({key: state[key] for key in changes if key in state})
    for key, ordered in changes.items():
        with suppress(UnfitValue):
            for change in ordered:
                found[key] = change.applied(found.get(key))
    return found
