"""Forks: several new runs do again what one did that has ended, each with something edited, all of them or none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.models import Developer
from executions import selectors
from executions.models import Execution
from executions.retrying.edits import Edits
from executions.retrying.errors import TooManyTransitions
from executions.retrying.plan import MOST_TRANSITIONS
from executions.retrying.services import Retry, RetryRequest, Variant, begin_again, check_confirmed, think_through
from executions.wire import overrides_to_wire
from julep_project.core.ids import uuid7

MOST_VARIANTS = 20


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """What all variants have in common, and of each its name and what is edited."""

    common: RetryRequest
    variants: Sequence[tuple[str, Edits]]


@dataclass(frozen=True, slots=True)
class Fork:
    """The variants that were begun together."""

    id: UUID
    source: Execution
    point: str
    runs: Sequence[Execution]

    def to_wire(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "execution_id": str(self.source.pk),
            "from": self.point,
            "runs": [{"id": str(run.pk), **(run.variant or {})} for run in self.runs],
        }


def preview_fork(*, developer: Developer, execution_id: UUID, request: ForkRequest) -> dict[str, Any]:
    """What `fork_execution` would do; nothing is done. Raises as that does, but for the confirmation."""
    retries, copied = _thought_through(developer, execution_id, request)
    common = retries[0].to_wire()
    return {
        **{name: common[name] for name in ("execution_id", "from", "version")},
        "copied_transitions": copied,
        "variants": [
            {
                "index": index,
                "name": name,
                "edited": edits.names,
                "overrides": overrides_to_wire(retry.overrides),
                **retry.effects_to_wire(),
            }
            for index, (retry, (name, edits)) in enumerate(zip(retries, request.variants, strict=True))
        ],
        "needs_confirmation": any(retry.needs_confirmation for retry in retries),
    }


@transaction.atomic
def fork_execution(*, developer: Developer, execution_id: UUID, request: ForkRequest) -> Fork:
    """Begin a run for each variant, as `retry_execution` does.

    Raises: as that does, and nothing is begun then.
    """
    retries, _ = _thought_through(developer, execution_id, request)
    check_confirmed(retries)
    fork_id = uuid7()
    runs = [
        begin_again(retry, variant=Variant(fork_id, index, name))
        for index, (retry, (name, _)) in enumerate(zip(retries, request.variants, strict=True))
    ]
    return Fork(fork_id, retries[0].plan.source, request.common.point, runs)


def _thought_through(developer: Developer, execution_id: UUID, request: ForkRequest) -> tuple[list[Retry], int]:
    """The variants, and how many transitions they take along together. Variants that go on from the same place share
    what is known of it."""
    source = selectors.get_execution(developer, execution_id)
    alike: dict[bool, Retry] = {}
    found = []
    for _, edits in request.variants:
        known = alike.get(edits.has_output)
        retry = think_through(source, replace(request.common, edits=edits), known)
        alike.setdefault(edits.has_output, retry)
        found.append(retry)
    copied = {has_output: retry.copied_rows for has_output, retry in alike.items()}
    total = sum(copied[edits.has_output] for _, edits in request.variants)
    if total > MOST_TRANSITIONS:
        raise TooManyTransitions(
            f"The variants take {total} transitions along; at most {MOST_TRANSITIONS} are copied together",
            fix="Begin fewer variants at once",
        )
    return found, total
