"""Removes what is too old."""

import logging
from collections.abc import Collection, Iterator
from uuid import UUID

from django.conf import settings

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.retention.kinds import KINDS
from agents.retention.models import RetentionPeriod
from agents.retention.pace import OutOfTime, Pace
from agents.retention.periods import Period, default_days, expired, list_periods
from julep_project.core.clock import to_wire
from julep_project.core.database import fetch
from julep_project.core.tenancy import system_scope, tenant_scope

log = logging.getLogger(__name__)

# What one pass takes; the next goes on where it stopped.
PASS_S = 300.0
UPKEEP = "retention"

# From one developer to the next by the index: a look for each, however long their logs are.
_REMOVED = """
    WITH RECURSIVE logged AS (
        (SELECT developer_id FROM audit_auditrecord WHERE developer_id IS NOT NULL ORDER BY developer_id LIMIT 1)
        UNION ALL
        SELECT (SELECT record.developer_id FROM audit_auditrecord record
                WHERE record.developer_id > logged.developer_id ORDER BY record.developer_id LIMIT 1)
        FROM logged WHERE logged.developer_id IS NOT NULL)
    SELECT developer_id FROM logged
    WHERE NOT EXISTS (SELECT FROM agents_developer developer WHERE developer.id = logged.developer_id)
      AND developer_id IS NOT NULL
"""


def retain() -> int:
    """Remove what is too old of every developer, as far as there is time; how many rows. May be killed at any time."""
    pace = Pace(seconds=PASS_S, upkeep=UPKEEP)
    removed = 0
    try:
        for developer in _concerned():
            removed += sum(retain_developer(developer, pace=pace).values())
        removed += retain_logs_of_removed(pace)
    except OutOfTime:
        log.info("retention goes on in the next pass", extra={"removed": removed})
    return removed


def retain_developer(developer: Developer, *, kinds: Collection[str] = (), pace: Pace | None = None) -> dict[str, int]:
    """Remove what is too old of one developer; how many rows of each kind that has a period.

    Raises:
        OutOfTime
    """
    pace = pace or Pace(upkeep=UPKEEP)
    with tenant_scope(developer.pk):
        periods = [period for period in list_periods(developer) if not kinds or period.kind.name in kinds]
        return {period.kind.name: _remove(developer, period, pace) for period in periods if period.days is not None}


def _remove(developer: Developer, period: Period, pace: Pace) -> int:
    kind, what = period.kind, expired(developer.pk, period.days or 0)
    if not kind.is_due(what):
        return 0
    # Before it begins, so that no removal is without its record.
    after = {"days": period.days, "before": to_wire(what.before)}
    record(developer.pk, Act(Verb.RETAIN, ObjectKind.RETENTION, kind.name, kind.name, after=after))
    count = kind.remove(what, pace)
    log.info("removed what was too old", extra={"kind": kind.name, "developer": developer.pk, "count": count})
    return count


def count_due(developer: Developer) -> dict[str, int]:
    """How many rows of each kind with a period would be removed now; none is."""
    return {
        period.kind.name: period.kind.count(expired(developer.pk, period.days))
        for period in list_periods(developer)
        if period.days is not None
    }


@system_scope()
def retain_logs_of_removed(pace: Pace | None = None) -> int:
    """Remove what is too old of the logs of developers that are gone, by the server's default; how many records.

    Raises:
        OutOfTime
    """
    pace, count = pace or Pace(upkeep=UPKEEP), 0
    log_kind, days = KINDS["audit"], default_days("audit")
    for developer_id in _removed() if days is not None else ():
        what = expired(developer_id, days or 0)
        if log_kind.is_due(what):
            # In nobody's log: theirs is to come to an end.
            after = {"developer": str(developer_id), "days": days, "before": to_wire(what.before)}
            record(None, Act(Verb.RETAIN, ObjectKind.RETENTION, log_kind.name, log_kind.name, after=after))
            count += log_kind.remove(what, pace)
    return count


@system_scope()
def count_due_of_removed() -> int:
    """How many records that would remove now; none is."""
    days = default_days("audit")
    return 0 if days is None else sum(KINDS["audit"].count(expired(developer_id, days)) for developer_id in _removed())


def _removed() -> list[UUID]:
    return [developer_id for (developer_id,) in fetch(_REMOVED)]


def _concerned() -> Iterator[Developer]:
    """Developers that keep something not for ever."""
    developers = Developer.objects.order_by("?")
    if not any(name in KINDS for name in settings.RETENTION_DAYS):
        own = RetentionPeriod.objects.filter(days__isnull=False)
        developers = developers.filter(pk__in=own.values("developer_id"))
    yield from developers
