"""Hooks of all developers, and the calls they received."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from executions.hooks.request import shown_to_readers
from julep_project.console.keyset import Place
from julep_project.console.queries.owners import OF_DEVELOPER, naming
from julep_project.console.queries.rows import Row, rows

# Of the last hour so many calls of each are looked at.
MOST_COUNTED = 200
# A status is looked for in so many of the newest calls.
LOOKED_AT = 10_000
# Of those of the last hour, over all hooks.
_COUNTED = 2000
# A hook refuses much when so many calls of an hour, and half of all, came to nothing.
MUCH = 10

_HOOKS = f"""
    SELECT h.*, d.email AS developer, t.name AS task, last.created_at AS last_at, last.status AS last_status,
           hour.calls, hour.in_vain
    FROM (SELECT id, name, target, task_id, mapping, scheme, options, secret_name, makes_secret, deduplicate_by,
                 calls_per_minute, paused, created_at, updated_at, developer_id,
                 CASE WHEN previous_until > now() THEN previous_until END AS previous_until
          FROM hooks_hook h WHERE {{narrowed}} ORDER BY id DESC LIMIT %(limit)s) AS h
    JOIN agents_developer d ON d.id = h.developer_id LEFT JOIN tasks_task t ON t.id = h.task_id
    LEFT JOIN LATERAL (
        SELECT c.created_at, c.status FROM hooks_hookcall c
        WHERE c.hook_id = h.id ORDER BY c.created_at DESC, c.id DESC LIMIT 1) AS last ON true
    CROSS JOIN LATERAL (
        SELECT count(*) AS calls, count(*) FILTER (WHERE c.status IN ('refused', 'failed')) AS in_vain
        FROM (SELECT c.status FROM hooks_hookcall c
              WHERE c.hook_id = h.id AND c.created_at > now() - make_interval(hours => 1)
              ORDER BY c.created_at DESC, c.id DESC LIMIT {MOST_COUNTED}) AS c) AS hour
    ORDER BY h.id DESC
"""
_STATES = {"active": "NOT h.paused", "paused": "h.paused"}
STATES = tuple(_STATES)


def list_hooks(*, state: str, target: str, developer: str, after: UUID | None, limit: int) -> list[Row]:
    """Hooks, the newest first: of a state, a target and a developer (by id or e-mail), if they are given."""
    narrowed = [_STATES[state]] if state else []
    if target:
        narrowed.append("h.target = %(target)s")
    if after is not None:
        narrowed.append("h.id < %(after)s")
    if developer:
        narrowed.append(OF_DEVELOPER)
    values = {"target": target, "after": after, "limit": limit, **naming(developer)}
    return [_told(row) for row in rows(_HOOKS.format(narrowed=" AND ".join(narrowed) or "true"), values)]


def get_hook(hook_id: UUID) -> Row | None:
    """One of them."""
    found = rows(_HOOKS.format(narrowed="h.id = %(id)s"), {"id": hook_id, "limit": 1})
    return _told(found[0]) if found else None


def _told(row: Row) -> Row:
    return {**row, "state": "paused" if row["paused"] else "active"}


_CALLS = """
    SELECT c.id, c.status, c.reason, c.http_status, c.known_by, c.repeats, c.began, c.began_id, c.size, c.is_whole,
           c.replay_of, c.created_at
    FROM (SELECT * FROM hooks_hookcall c WHERE {narrowed}
          ORDER BY c.created_at DESC, c.id DESC LIMIT %(looked_at)s) AS c
    WHERE {sifted} ORDER BY c.created_at DESC, c.id DESC LIMIT %(limit)s
"""


def list_calls(
    hook_id: UUID, *, status: str, since: datetime | None, until: datetime | None, after: Place | None, limit: int
) -> Sequence[Row]:
    """What a hook received, the newest first, from behind a place on."""
    narrowed, named = ["c.hook_id = %(hook)s"], {"hook": hook_id, "limit": limit, "since": since, "until": until}
    narrowed += [text for text, given in ((_SINCE, since), (_UNTIL, until)) if given]
    if after is not None:
        narrowed.append("(c.created_at, c.id) < (%(at)s, %(id)s)")
        named |= {"at": after.at, "id": after.id}
    named |= {"status": status, "looked_at": LOOKED_AT if status else limit}
    sifted = "c.status = %(status)s" if status else "true"
    return rows(_CALLS.format(narrowed=" AND ".join(narrowed), sifted=sifted), named)


_SINCE, _UNTIL = "c.created_at >= %(since)s", "c.created_at < %(until)s"

_CALL = """
    SELECT c.*, h.name AS hook FROM hooks_hookcall c JOIN hooks_hook h ON h.id = c.hook_id WHERE c.id = %s
"""


def get_call(call_id: UUID) -> Row | None:
    """One call; of its query without what may open something."""
    found = rows(_CALL, [call_id])
    return {**found[0], "request": shown_to_readers(found[0]["request"])} if found else None


_IN_VAIN = """
    SELECT c.hook_id AS id, h.name, count(*) AS calls, count(*) FILTER (WHERE c.status = 'refused') AS refused,
           count(*) FILTER (WHERE c.status = 'failed') AS failed
    FROM (SELECT hook_id, status FROM hooks_hookcall
          WHERE created_at > now() - make_interval(hours => 1) ORDER BY created_at DESC LIMIT %(looked_at)s) AS c
    JOIN hooks_hook h ON h.id = c.hook_id
    GROUP BY 1, 2
    HAVING count(*) FILTER (WHERE c.status IN ('refused', 'failed')) >= greatest(%(much)s, count(*) / 2.0)
    ORDER BY 3 DESC LIMIT 3
"""


def hooks_in_trouble() -> list[Row]:
    """Those that made nothing of most of their calls within the last hour."""
    return rows(_IN_VAIN, {"looked_at": _COUNTED, "much": MUCH})
