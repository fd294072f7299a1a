"""Messages for rows that wait for a worker: a few for each tenant, and in turns, however many rows one has.

The rows are the queue. Messages only make workers look: few are on their way at a time, and none where so many wait in
the broker that its workers are behind. What nobody looks at, a sweep rings for again.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Generic
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Min
from django.db.models.functions import Greatest

from julep_project.core.clock import TransactionNow
from julep_project.core.database import fetch, has_more_than
from julep_project.core.work import figures, rings
from julep_project.core.work.figures import Figures
from julep_project.core.work.keeper import Keeper, any_of
from julep_project.core.work.lease import Leases, Row

_RUNG_AT_ONCE = 200
_TENANTS_AT_ONCE = 1000
# So many rows of one tenant are rung for as they come. Of those that a sweep rings for, so many go with the rows of
# others, and the rest behind them.
_OF_ONE_TENANT = 32

# To be ordered by tenant and time. Where one has nearly all rows, the planner takes an index by time alone for as good,
# and reads past all of that tenant's for those of another; with bounds in place of equality that index is in no order.
OF_TENANT = "{table}.developer_id >= {tenant} AND {table}.developer_id <= {tenant}"

DUE = "{table}.due_at <= now() AND ({table}.lease_until IS NULL OR {table}.lease_until < now())"
_NOT_RUNG = "({table}.rung_at IS NULL OR {table}.rung_at < now() - make_interval(secs => %(lately)s))"

# No message is known for it: none was sent since it waits for one.
_IS_NEW = "coalesce({table}.rung_at < {table}.lease_until, {table}.rung_at IS NULL)"

# Tenants are found by leaps through their index, not by reading it: one may have millions of rows there. Rows are named
# by arrays, which are always looked up; joined, all rows might be read, whatever the planner took their number for.
# The last column is the tenant behind which the next sweep begins: the last one there was room for, else the last one
# that was looked at; null at the end of all tenants.
_RING_DUE = f"""
    WITH RECURSIVE tenant AS (
        SELECT (SELECT developer_id FROM {{table}} WHERE {{open}} {{behind}} ORDER BY developer_id LIMIT 1) AS id
        UNION ALL
        SELECT (SELECT developer_id FROM {{table}} WHERE {{open}} AND developer_id > tenant.id
                ORDER BY developer_id LIMIT 1)
        FROM tenant WHERE tenant.id IS NOT NULL
    ), looked_at AS MATERIALIZED (
        SELECT id FROM tenant WHERE id IS NOT NULL LIMIT %(tenants)s
    ), due AS MATERIALIZED (
        SELECT found.key, tenant.id AS tenant, found.is_new,
               row_number() OVER (PARTITION BY tenant.id ORDER BY found.due_at) AS turn,
               row_number() OVER (PARTITION BY found.is_new ORDER BY found.due_at) AS place,
               count(*) OVER (PARTITION BY found.is_new) AS alike
        FROM looked_at AS tenant CROSS JOIN LATERAL (
            SELECT {{table}}.id AS key, {{table}}.due_at, {_IS_NEW} AS is_new FROM {{table}}
            WHERE {{open}} AND {DUE} AND {OF_TENANT.format(table="{table}", tenant="tenant.id")} AND {_NOT_RUNG}
            ORDER BY {{table}}.developer_id, {{table}}.due_at LIMIT {{share}}
        ) AS found
    ), chosen AS MATERIALIZED (
        SELECT id FROM {{table}}
        WHERE id = ANY (ARRAY(
            SELECT key FROM due WHERE is_new OR turn <= {rings.AGAIN} OR place <= alike - %(waiting)s
            ORDER BY turn, tenant LIMIT %(room)s)) FOR UPDATE SKIP LOCKED
    ), rung AS (
        UPDATE {{table}} SET rung_at = now() WHERE id = ANY (ARRAY(SELECT id FROM chosen))
        RETURNING id AS key, {{subject}} AS subject
    ), ranked AS (
        SELECT rung.subject, due.turn > %(with_others)s AS is_surplus FROM rung JOIN due USING (key)
    )
    SELECT ARRAY(SELECT subject FROM ranked WHERE NOT is_surplus), ARRAY(SELECT subject FROM ranked WHERE is_surplus),
           coalesce((SELECT tenant FROM due WHERE turn = 1 ORDER BY tenant OFFSET %(room)s - 1 LIMIT 1),
                    (SELECT id FROM looked_at ORDER BY id OFFSET %(tenants)s - 1 LIMIT 1))
"""

_RING_NEXT = f"""
    WITH next AS MATERIALIZED (
        SELECT id FROM {{table}}
        WHERE {{open}} AND {DUE} AND {OF_TENANT.format(table="{table}", tenant="%(tenant)s")} AND {_NOT_RUNG}
        ORDER BY {{table}}.developer_id, {{table}}.due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    UPDATE {{table}} SET rung_at = now() FROM next WHERE {{table}}.id = next.id RETURNING {{table}}.{{subject}}
"""

# Messages on their way for a tenant, and rows that are worked on.
_ON_THE_WAY = f"""
    SELECT count(*) FROM {{table}} WHERE {{open}} AND {OF_TENANT.format(table="{table}", tenant="tenant.id")}
        AND ({{table}}.lease_until > now() OR NOT {_NOT_RUNG})
"""

_FIRST_BESIDE = f"""
    SELECT found.id FROM {{table}} AS told CROSS JOIN LATERAL (
        SELECT id FROM {{table}}
        WHERE {{open}} AND {DUE} AND {OF_TENANT.format(table="{table}", tenant="told.developer_id")}
        ORDER BY {{table}}.developer_id, {{table}}.due_at, id LIMIT 1
    ) AS found WHERE told.id = %(key)s
"""


class Queued(Generic[Row]):
    """Rows of one model that wait for workers of one Celery queue.

    A message `task` carries a row's `subject`. `share` is SQL for how many rows of the tenant `tenant.id` one sweep
    rings for at most; where the leases bound what is worked on of a tenant at once, as many as are left of that. While
    it has that many at work, nothing more is rung for: those that end ring for the next.
    """

    def __init__(
        self,
        leases: Leases[Row],
        *,
        task: str,
        queue: str = "io",
        subject: str = "id",
        share: str = "%(room)s",
    ) -> None:
        self.leases = leases
        self.task = task
        self._queue = queue
        self._subject = subject
        self._share = share if leases.at_once is None else f"greatest({leases.at_once} - ({_ON_THE_WAY}), 0)"
        # Behind this tenant the next sweep of this process begins.
        self._swept_to: UUID | None = None

    def ring(self, subject: Any) -> None:
        rings.ring(self.task, subject)

    def add(self, key: Any, tenant: UUID) -> bool:
        """Whether to ring for a new row once it is there for all: not where many of the tenant's wait already, for
        those that end ring for the next. Call it in the transaction that stores the row."""
        waiting = self._open().filter(developer_id=tenant, due_at__lte=TransactionNow()).exclude(pk=key)
        most = min(self.leases.at_once or _OF_ONE_TENANT, _OF_ONE_TENANT)
        if has_more_than(waiting, most - 1):
            return False
        return bool(self._open().filter(pk=key).update(rung_at=TransactionNow()))

    def ring_due(self) -> int:
        """Ring for rows that are due and were not rung lately, the tenants in turns; how many there were.

        Rings no more than the queue has room for, so a sweep that comes too often does not fill it. What is left out is
        first the next time: however many tenants there are, each has its turn within as many sweeps as they fill.
        """
        if not self.leases.due().exists():
            return 0
        waiting = rings.backlog(self._queue)
        room = rings.room(waiting, _RUNG_AT_ONCE)
        begun_behind, rung = self._swept_to, self._sweep(room, waiting)
        if begun_behind is not None and self._swept_to is None and rung < room:
            rung += self._sweep(room - rung, waiting)
        return rung

    def sweep(self, name: str) -> Keeper:
        """The upkeep that rings for rows nobody looks at."""
        when = partial(any_of, self.leases.due())
        return Keeper(name, settings.SWEEP_SECONDS, self.ring_due, figures=self.figures, when=when)

    def _sweep(self, room: int, waiting: int) -> int:
        """Go on behind the tenant where the last one ended. That many messages wait in the queue."""
        behind = "" if self._swept_to is None else "AND developer_id > %(behind)s"
        bounds = {"room": room, "waiting": waiting, "tenants": _TENANTS_AT_ONCE, "with_others": _OF_ONE_TENANT}
        [(subjects, surplus, self._swept_to)] = self._rows(
            _RING_DUE, behind=behind, values={**bounds, "behind": self._swept_to}
        )
        for subject in subjects:
            self.ring(subject)
        for subject in surplus:
            rings.ring(self.task, subject, is_surplus=True)
        return len(subjects) + len(surplus)

    def ring_next(self, tenant: UUID) -> None:
        """Ring for one more row of the tenant, if any is due and may be worked on."""
        if not self.leases.has_room(tenant):
            return
        for (subject,) in self._rows(_RING_NEXT, values={"tenant": tenant}):
            self.ring(subject)

    def first_beside(self, key: Any) -> Any:
        """The row that is due first of all of the same tenant's; None if none is."""
        return next((first for (first,) in self._rows(_FIRST_BESIDE, values={"key": key})), None)

    def figures(self) -> Figures:
        """How this work stands.

        Raises:
            redis.RedisError
        """
        due = self.leases.due()
        oldest = due.aggregate(since=TransactionNow() - Min(Greatest("due_at", "lease_until")))["since"]
        running = self._open().filter(lease_until__gte=TransactionNow())
        events = figures.counted(self.leases.name)
        return Figures(
            due=due.order_by()[: figures.MOST].count(),
            oldest_s=0.0 if oldest is None else oldest.total_seconds(),
            running=running.order_by()[: figures.MOST].count(),
            claimed=events.get("claimed", 0),
            lost=events.get("lost", 0),
        )

    def _open(self) -> Any:
        return self.leases.model._base_manager.filter(self.leases.open)

    def _rows(self, statement: str, *, behind: str = "", values: Mapping[str, Any]) -> list[Any]:
        """What a statement gives once it is filled in."""
        query = self._open().query
        condition, bound = query.get_compiler(connection=connection).compile(query.where)
        named = {f"open{index}": value for index, value in enumerate(bound)}
        table, open_ = f'"{self.leases.name}"', condition % tuple(f"%({name})s" for name in named)
        text = statement.format(
            table=table,
            open=open_,
            share=self._share.format(table=table, open=open_),
            subject=f'"{self._subject}"',
            behind=behind,
        )
        return fetch(text, {"lately": settings.RING_AGAIN_SECONDS, **named, **values})
