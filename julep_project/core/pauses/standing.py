"""What is paused now. Known for a few seconds in each process, so that work which is not paused asks nobody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from django.db import DatabaseError
from django.db.models import Q

from julep_project.core.clock import TransactionNow, now
from julep_project.core.database import run_query
from julep_project.core.pauses.errors import Paused
from julep_project.core.pauses.models import Pause, PauseScope
from julep_project.core.process.remembered import Memory
from julep_project.core.tenancy import system_scope

# For so long a process may not have heard of a change.
KNOWN_S = 3.0
# More are not made.
MOST_PAUSES = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """A pause that is in force."""

    id: UUID
    scope: str
    key: str
    reason: str
    until: datetime | None

    @property
    def is_over(self) -> bool:
        return self.until is not None and self.until <= now()


Pauses = Mapping[tuple[str, str], Standing]
_NONE: Pauses = MappingProxyType({})
_known: Memory[str, Pauses] = Memory(most=1, for_s=KNOWN_S)


def in_force() -> Pauses:
    """The pauses by what they are of; read from the database when they are not known."""
    try:
        return _known.find("", _read)
    except DatabaseError:
        known = _known.recall_at_any_age("")
        if known is None:
            raise
        return known


def known() -> Pauses | None:
    """The pauses, if they were read a moment ago."""
    return _known.recall("")


def forget() -> None:
    """Have them read anew."""
    _known.forget_all()


def pause_of(scope: PauseScope, key: str = "") -> Standing | None:
    """The pause of this that is in force."""
    return _standing(in_force(), scope, key)


def paused_tasks() -> list[UUID]:
    """Ids of tasks whose runs do not go on."""
    return [UUID(key) for scope, key in in_force() if scope == PauseScope.TASK]


def check_intake() -> None:
    """Refuse new work while it is paused.

    Raises:
        Paused
    """
    _refuse_intake(in_force())


async def acheck_intake() -> None:
    """The same for code on an event loop, which may ask a model later."""
    pauses = known()
    _refuse_intake(await run_query(in_force) if pauses is None else pauses)


def _refuse_intake(pauses: Pauses) -> None:
    pause = _standing(pauses, PauseScope.INTAKE, "")
    if pause is not None:
        raise Paused("No new work is taken", pause)


def check_model(model: str) -> None:
    """Refuse to ask a model that is paused. Nothing is read: whoever began the work has looked a while ago.

    Raises:
        Paused
    """
    pause = _standing(_known.recall_at_any_age("") or _NONE, PauseScope.MODEL, model)
    if pause is not None:
        raise Paused(f"The model {model} is not asked", pause)


def _standing(pauses: Pauses, scope: PauseScope, key: str) -> Standing | None:
    found = pauses.get((scope.value, key)) if pauses else None
    return None if found is None or found.is_over else found


@system_scope()
def _read(_: str) -> Pauses:
    open_ = Pause.objects.filter(Q(until=None) | Q(until__gt=TransactionNow()), lifted_at=None)
    rows = open_.values_list("id", "scope", "key", "reason", "until")[:MOST_PAUSES]
    return {(row[1], row[2]): Standing(*row) for row in rows}
