"""Claims rows, renews them, and lets go of them: one process at a time works on a row, and nobody else can tell it
otherwise.

The row decides. A message only says that it is worth looking; it may come twice, late or never. Claiming raises the
row's version, and everything whoever claimed it writes is refused once it stands at another one.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import CombinedExpression, RawSQL
from django.db.models.functions import Greatest

from julep_project.core.clock import DatabaseNow, TransactionNow
from julep_project.core.database import execute, has_more_than
from julep_project.core.telemetry.registry import LEASES_LOST
from julep_project.core.tenancy import system_scope
from julep_project.core.work import figures
from julep_project.core.work.renewing import Renewer
from julep_project.core.work.rows import LeasedRow

Row = TypeVar("Row", bound=LeasedRow)
Key = Any

# For statements written by hand; `seconds` is the setting LEASE_SECONDS.
LEASE_END = "now() + make_interval(secs => {seconds})"
_NOW = TransactionNow()
_WAIT, _PASS_OVER = "", "SKIP LOCKED"


@dataclass(frozen=True, slots=True)
class Held:
    """The right to write to a row: its key, and the version it was claimed with. `attempt` counts from 1."""

    key: Key
    version: int
    attempt: int = 1


class Leases(Generic[Row]):
    """The leases of the rows of one model.

    `open` are the rows that have not ended. `waiting` is what letting a row wait for its next attempt changes in it.
    `hand_back` ends what this process holds when it stops; unless given, the rows are let go of at once, with the
    attempt not counted, and `ring` rings for each of them. With `at_once`, so many rows of one developer are worked on
    at once and no more, however many messages come for them. Where somebody waits beside the work, `disturbed` is told
    which of the rows held are not `calm` any more.
    """

    def __init__(
        self,
        model: type[Row],
        open: Q,
        *,
        waiting: Mapping[str, Any] | None = None,
        ring: Callable[[Key], None] | None = None,
        hand_back: Callable[[list[Held]], None] | None = None,
        calm: Q | None = None,
        disturbed: Callable[[list[Key]], None] | None = None,
        at_once: int | None = None,
    ) -> None:
        self.model = model
        self.name = model._meta.db_table
        self.open = open
        self.at_once = at_once
        self._ring = ring
        self._calm = open if calm is None else calm
        self._disturbed = disturbed
        touched = {"updated_at": DatabaseNow()} if "updated_at" in _columns(model) else {}
        self._waiting = {**touched, **(waiting or {})}
        self._ended = touched
        self.hand_back = hand_back or self._hand_back
        self.renewer: Renewer[Held] = Renewer(self.name, self.renew, self.hand_back)

    # -- claiming -------------------------------------------------------------------------------------------------

    def due(self) -> "QuerySet[Row]":
        """Rows that wait for a worker: their time has come, and nobody holds them."""
        return self._rows().filter(self.open, Q(lease_until=None) | Q(lease_until__lt=_NOW), due_at__lte=_NOW)

    @system_scope()
    def claim(self, key: Key, **changes: Any) -> Held | None:
        """The right to work on the row; None when it is not due (any more), somebody else is about to take it, or as
        many of its developer's are worked on as may be at once."""
        owner = [] if self.at_once is None else ["developer_id"]
        with transaction.atomic():
            found = self.due().filter(pk=key).select_for_update(skip_locked=True)
            row = found.values("version", "attempts", "lease_until", *owner).first()
            if row is None:
                return None
            if owner and not self._is_next(row["developer_id"]):
                # Its message is used up: whoever ends first rings for it.
                self._rows().filter(pk=key).update(rung_at=None)
                return None
            held = Held(key, row["version"] + 1, row["attempts"] + 1)
            self._rows().filter(pk=key).update(
                version=held.version,
                attempts=held.attempt,
                rung_at=_NOW,
                lease_until=lease_end(),
                **changes,
            )
        figures.count(self.name, "claimed")
        if row["lease_until"] is not None:
            figures.count(self.name, "lost")
            LEASES_LOST.add(self.name)
        return held

    @system_scope()
    def has_room(self, tenant: Key) -> bool:
        """Whether one more row of the developer may be worked on."""
        if self.at_once is None:
            return True
        at_work = self._rows().filter(self.open, developer_id=tenant, lease_until__gt=_NOW)
        return not has_more_than(at_work, self.at_once - 1)

    def _is_next(self, tenant: Key) -> bool:
        """The same for whoever is about to claim one: until its transaction ends, nobody else counts."""
        execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{self.name} {tenant}"])
        return self.has_room(tenant)

    # -- working --------------------------------------------------------------------------------------------------

    def holding(self, *held: Held, last: bool = False) -> AbstractContextManager[None]:
        """Renew the leases for the length of the block. `last`: when the process stops, they are given back last."""
        return self.renewer.holding(*held, last=last)

    @system_scope()
    def renew(self, held: Sequence[Held]) -> None:
        """Lengthen the leases of what is still held, but of rows that are locked just now: they have the next time."""
        self.held(held).update(lease_until=lease_end())
        if self._disturbed is not None:
            calm = self._rows().filter(self._calm, pk__in=[one.key for one in held]).values_list("pk", "version")
            known = set(calm)
            if gone := [one.key for one in held if (one.key, one.version) not in known]:
                self._disturbed(gone)

    def held(self, held: Sequence[Held]) -> "QuerySet[Row]":
        """To update: the rows that are still held. Those that are locked just now are passed over."""
        return self._locked(held, _PASS_OVER)

    @system_scope()
    def is_held(self, held: Sequence[Held]) -> bool:
        """Whether any of the rows still is."""
        versions = {one.key: one.version for one in held}
        found = self._rows().filter(self.open, pk__in=list(versions)).values_list("pk", "version")
        return any(versions[key] == version for key, version in found)

    # -- letting go -----------------------------------------------------------------------------------------------

    def end(self, *held: Held, only: Any = None, **changes: Any) -> int:
        """Write how the work ended, to the rows that are still held (and `only`); how many that were."""
        return self._let_go(held, only, {**self._ended, **changes})

    def wait(self, *held: Held, pause_s: float = 0.0, counted: bool = True, **changes: Any) -> int:
        """Let the rows that are still held have their next attempt after the pause; how many that were."""
        if not counted:
            changes["attempts"] = Greatest(F("attempts") - 1, 0)
        return self._let_go(held, None, {**self._waiting, "due_at": after(pause_s), "rung_at": None, **changes})

    @system_scope()
    def _let_go(self, held: Sequence[Held], only: Any, changes: Mapping[str, Any]) -> int:
        """With another version, nobody holds them any more.

        Others lock rows in any order. So no lock is waited for while that of another row is held: what is locked has
        its turn afterwards, alone.
        """
        changes = {"version": F("version") + 1, "lease_until": None, **changes}

        def update(some: Sequence[Held], locked: str) -> int:
            rows = self._locked(some, locked)
            return (rows if only is None else rows.filter(only)).update(**changes)

        done = update(held, _PASS_OVER) if len(held) > 1 else 0
        if done < len(held):
            done += sum(update([one], _WAIT) for one in held)
        return done

    def _hand_back(self, held: list[Held]) -> None:
        for one in held:
            if self.wait(one, counted=False) and self._ring is not None:
                self._ring(one.key)

    # -- rows -----------------------------------------------------------------------------------------------------

    def _rows(self) -> "QuerySet[Row]":
        return self.model._base_manager.all()

    def _locked(self, held: Sequence[Held], locked: str) -> "QuerySet[Row]":
        key = self.model._meta.pk
        statement = (
            f'SELECT r."{key.column}" FROM "{self.name}" r '
            f"JOIN unnest(%s::{key.rel_db_type(connection)}[], %s::bigint[]) AS held(key, version) "
            f'ON r."{key.column}" = held.key AND r.version = held.version FOR NO KEY UPDATE OF r {locked}'
        )
        pairs = ([one.key for one in held], [one.version for one in held])
        return self._rows().filter(self.open, pk__in=RawSQL(statement, pairs))


def lease_end() -> RawSQL:
    """When a lease that is taken now is over, unless it is renewed."""
    return RawSQL(LEASE_END.format(seconds="%s"), [settings.LEASE_SECONDS])


def after(seconds: float) -> CombinedExpression:
    return _NOW + timedelta(seconds=seconds)


def _columns(model: type[LeasedRow]) -> set[str]:
    return {field.name for field in model._meta.get_fields()}
