"""Whether the database ages well: what the collectors of Postgres have found, and whether what is too old goes.

Only its counters and indexes are looked at, so that it takes milliseconds however many rows there are.
"""

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from agents.retention.kinds import KINDS
from julep_project.core.database import execute, fetch
from julep_project.core.health.health import Report


class Level(IntEnum):
    """How bad it is. `AMBER`: nothing is broken yet, and somebody has to act before it is."""

    GOOD = 0
    AMBER = 1
    RED = 2


Finding = tuple[Level, str]

# Rows that were changed or removed take their place until they are vacuumed. Fewer are nothing to speak of.
_DEAD = {Level.AMBER: (20_000, 0.25), Level.RED: (200_000, 1.0)}
_DEAD_ROWS = """
    SELECT relname, n_dead_tup, n_live_tup FROM pg_stat_user_tables
    WHERE schemaname = current_schema() AND n_dead_tup > %s AND n_dead_tup > %s * n_live_tup
    ORDER BY n_dead_tup DESC LIMIT 5
"""
_AUTOVACUUM = """
    SELECT current_setting('autovacuum')::bool AND current_setting('track_counts')::bool,
           ARRAY (SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
                  AND 'autovacuum_enabled=false' = ANY (reloptions) ORDER BY 1)
"""

# What was written since the planner, or the vacuum, has seen a table: a share of its rows, and for how many seconds
# autovacuum has not come although it had to.
_UNSEEN_ROWS, _UNSEEN_SHARE = 20_000, 0.5
_UNSEEN_S = {Level.AMBER: 900, Level.RED: 24 * 3600}
_UNSEEN = """
    SELECT relname, n_mod_since_analyze, n_ins_since_vacuum, n_live_tup,
           extract(epoch FROM clock_timestamp() - greatest(last_analyze, last_autoanalyze))::float,
           extract(epoch FROM clock_timestamp() - greatest(last_vacuum, last_autovacuum))::float
    FROM pg_stat_user_tables
    WHERE schemaname = current_schema()
      AND greatest(n_mod_since_analyze, n_ins_since_vacuum) > greatest(%(rows)s, %(share)s * n_live_tup)
    ORDER BY n_live_tup DESC LIMIT 5
"""

_OPEN_S = {Level.AMBER: 300, Level.RED: 3600}
_TRANSACTIONS = """
    SELECT extract(epoch FROM clock_timestamp() - xact_start)::float, 'process ' || pid,
           concat_ws(', ', usename, nullif(application_name, ''), client_addr::text, state),
           'SELECT pg_terminate_backend(' || pid || ')'
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
      AND xact_start IS NOT NULL
    UNION ALL
    SELECT extract(epoch FROM clock_timestamp() - prepared)::float, 'a prepared transaction',
           concat_ws(', ', owner, gid), 'ROLLBACK PREPARED ' || quote_literal(gid)
    FROM pg_prepared_xacts WHERE database = current_database()
    ORDER BY 1 DESC LIMIT 1
"""

# Kinds whose rows are found by an index even where none is too old.
_WATCHED = ("runs", "records", "calls", "audit")
_LATE_DAYS = {Level.AMBER: 1, Level.RED: 3}
# As many developers as can be looked at in milliseconds; where there are more, other ones each time.
_DEVELOPERS = 200
_KEPT = """
    WITH kept AS MATERIALIZED (
        SELECT developer.id, CASE WHEN own.id IS NULL THEN %(default)s::int ELSE own.days END AS days
        FROM agents_developer developer
        LEFT JOIN retention_retentionperiod own ON own.developer_id = developer.id AND own.kind = %(kind)s
        WHERE own.days IS NOT NULL OR (own.id IS NULL AND %(default)s::int IS NOT NULL)
        ORDER BY random() LIMIT %(developers)s
    ), late AS MATERIALIZED (
        SELECT id, days, now() - make_interval(days => days + %(late)s) AS before FROM kept
    )
    SELECT id, days FROM late WHERE EXISTS ({due}) LIMIT 1
"""


def examine() -> list[Report]:
    """One report for each check. One that cannot be made is a problem too."""
    return [_report(name, check) for name, check in CHECKS.items()]


def _report(name: str, check: Callable[[], list[Finding]]) -> Report:
    try:
        found = check()
    except DatabaseError as error:
        return Report(name, ok=False, detail=f"unknown: {type(error).__name__}")
    worst = max(level for level, _ in found)
    told = "; ".join(text for level, text in found if level is not Level.GOOD or worst is Level.GOOD)
    return Report(name, ok=worst is not Level.RED, detail=told, warns=worst is Level.AMBER)


def _dead_rows() -> list[Finding]:
    """Tables that are for a good part dead rows, and whether anything collects them."""
    [(is_on, left_out)] = fetch(_AUTOVACUUM)
    found: list[Finding] = []
    if not is_on:
        found.append((Level.RED, "autovacuum or track_counts is off, so nothing collects them: set both to on"))
    found += [
        (Level.RED, f"autovacuum leaves {name} out: ALTER TABLE {name} RESET (autovacuum_enabled)") for name in left_out
    ]
    grave = {name for name, _, _ in fetch(_DEAD_ROWS, _DEAD[Level.RED])}
    for name, dead, live in fetch(_DEAD_ROWS, _DEAD[Level.AMBER]):
        level = Level.RED if name in grave else Level.AMBER
        told = f"{name} has {dead:,} beside {live:,} live ones: run VACUUM (ANALYZE) {name}"
        found.append((level, f"{told}, and if they stay end what `transactions` names"))
    return found or [(Level.GOOD, "no table has many")]


def _statistics() -> list[Finding]:
    """Tables of which a good part was written since they were analysed or vacuumed."""
    limits = {"rows": _UNSEEN_ROWS, "share": _UNSEEN_SHARE}
    found: list[Finding] = []
    for name, changed, inserted, live, analysed_s, vacuumed_s in fetch(_UNSEEN, limits):
        enough = max(_UNSEEN_ROWS, _UNSEEN_SHARE * live)
        if changed > enough and (level := _by_time(analysed_s, _UNSEEN_S)) is not Level.GOOD:
            told = f"{changed:,} rows of {name} have changed and it was analysed {_ago(analysed_s)}"
            found.append((level, f"{told}: run ANALYZE {name}"))
        if inserted > enough and (level := _by_time(vacuumed_s, _UNSEEN_S)) is not Level.GOOD:
            told = f"{inserted:,} rows have come to {name} and it was vacuumed {_ago(vacuumed_s)}"
            found.append((level, f"{told}: run VACUUM (ANALYZE) {name}"))
    return found or [(Level.GOOD, "all tables are analysed and vacuumed in time")]


def _transactions() -> list[Finding]:
    """The oldest transaction that is open. No dead row goes that it could still see."""
    for seconds, what, who, end in fetch(_TRANSACTIONS):
        level, told = _by_time(seconds, _OPEN_S), f"the oldest has been open for {_lasted(seconds)}, {what} ({who})"
        if level is Level.GOOD:
            return [(level, told)]
        return [(level, f"{told}, and keeps dead rows: if nobody needs it, end it with {end}")]
    return [(Level.GOOD, "none is open")]


def _retention() -> list[Finding]:
    """Rows that are older than they are to be by more than a day: by then every pass should have come to them."""
    found = list(_late_kinds())
    return found or [(Level.GOOD, "nothing is kept for too long")]


def _late_kinds() -> Iterable[Finding]:
    for name in _WATCHED:
        for level in (Level.RED, Level.AMBER):
            if kept := _first_late(name, _LATE_DAYS[level]):
                developer_id, days = kept
                told = f"{name} of developer {developer_id} are to be kept for {days} days and are older by more than "
                told += "a day" if level is Level.AMBER else f"{_LATE_DAYS[level]} days"
                yield level, f"{told}: run manage.py retain, and see that beat and workers of `io` are up"
                break


def _first_late(name: str, late: int) -> Any:
    # The statement of the kind is for one developer; here it is asked of each row of `late`.
    due = KINDS[name].due % {"developer": "late.id", "before": "late.before"}
    values = {"kind": name, "default": settings.RETENTION_DAYS.get(name), "developers": _DEVELOPERS, "late": late}
    with transaction.atomic():
        # Where one developer has nearly all rows, the planner would read the table once for each of them.
        execute("SET LOCAL enable_seqscan = off")
        return next(iter(fetch(_KEPT.format(due=due), values)), None)


def _by_time(seconds: float | None, limits: dict[Level, int]) -> Level:
    """None: since ever."""
    if seconds is None:
        return Level.AMBER
    return max((level for level, most in limits.items() if seconds > most), default=Level.GOOD)


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{_lasted(seconds)} ago"


def _lasted(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


CHECKS: dict[str, Callable[[], list[Finding]]] = {
    "dead rows": _dead_rows,
    "statistics": _statistics,
    "transactions": _transactions,
    "retention": _retention,
}
