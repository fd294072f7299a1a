"""How long rows are kept: the server's defaults, and what developers set in their place."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.retention.kinds import KINDS, Expired, Kind
from agents.retention.models import RetentionPeriod
from julep_project.core.clock import DatabaseNow
from julep_project.core.database import fetch
from julep_project.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class Period:
    """How long the rows of a kind are kept; `days` is None for ever. `is_default`: nobody set another."""

    kind: Kind
    days: int | None
    is_default: bool


def default_days(kind: str) -> int | None:
    """What counts where a developer says nothing."""
    days: int | None = settings.RETENTION_DAYS.get(kind)
    return days


def list_periods(developer: Developer) -> list[Period]:
    """One for each kind, by name."""
    rows = RetentionPeriod.objects.for_developer(developer)
    own: dict[str, int | None] = dict(rows.values_list("kind", "days"))
    return [
        Period(KINDS[name], own.get(name, default_days(name)), is_default=name not in own) for name in sorted(KINDS)
    ]


def get_period(developer: Developer, kind: str) -> Period:
    """That of one kind.

    Raises:
        NotFound: there is no such kind.
    """
    for period in list_periods(developer):
        if period.kind.name == kind:
            return period
    raise NotFound("Retention period not found")


def set_period(*, developer: Developer, kind: str, days: int | None) -> Period:
    """Keep the rows of a kind for so long, whatever the default is.

    Raises:
        NotFound: there is no such kind.
    """
    with transaction.atomic():
        before = _locked(developer, kind)
        RetentionPeriod.objects.update_or_create(
            developer=developer, kind=kind, defaults={"days": days, "updated_at": DatabaseNow()}
        )
        return _recorded(developer, before)


def forget_period(*, developer: Developer, kind: str) -> Period:
    """Keep the rows of a kind for as long as the default says.

    Raises:
        NotFound: there is no such kind.
    """
    with transaction.atomic():
        before = _locked(developer, kind)
        RetentionPeriod.objects.for_developer(developer).filter(kind=kind).delete()
        return _recorded(developer, before)


def expired(developer_id: UUID, days: int) -> Expired:
    """What is too old now, by the database's clock."""
    [(moment,)] = fetch("SELECT now()")
    found: datetime = moment
    return Expired(developer_id, found - timedelta(days=days))


def _locked(developer: Developer, kind: str) -> Period:
    """The period as it is, which nobody else changes meanwhile."""
    Developer.objects.select_for_update(no_key=True).get(pk=developer.pk)
    return get_period(developer, kind)


def _recorded(developer: Developer, before: Period) -> Period:
    after = get_period(developer, before.kind.name)
    kind = before.kind.name
    act = Act(Verb.UPDATE, ObjectKind.RETENTION, kind, kind, {"days": before.days}, {"days": after.days})
    record(developer.pk, act)
    return after
