"""Webhooks of all developers, and what was and is on its way to them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.webhooks.services import DISABLED_BY_HAND, place
from julep_project.console.keyset import Place
from julep_project.console.queries.owners import OF_DEVELOPER, naming
from julep_project.console.queries.rows import Row, rows

# What waits for one, and what did not arrive there, is counted no further.
MOST_COUNTED = 500
# A state, a type and what it is about are looked for in so many of the newest deliveries that the other filters leave.
LOOKED_AT = 10_000
# A webhook fails in words when so many attempts in a row did not arrive.
FAILING = 3
_SOME = 1000

_ENDPOINTS = f"""
    SELECT e.*, d.email AS developer, last.created_at AS last_at, last.state AS last_state, last.status AS last_status,
           (SELECT count(*) FROM (SELECT FROM webhooks_delivery w WHERE w.endpoint_id = e.id
            AND w.state IN ('pending', 'waiting') LIMIT {MOST_COUNTED}) AS open) AS waiting,
           (SELECT count(*) FROM (SELECT FROM webhooks_delivery w WHERE w.endpoint_id = e.id
            AND w.state IN ('failed', 'dropped') LIMIT {MOST_COUNTED}) AS ended) AS lost
    FROM (SELECT id, url, description, events, enabled, disabled_reason, disabled_at, failures, failing_since, is_full,
                 CASE WHEN previous_until > now() THEN previous_until END AS previous_until, created_at, created_by,
                 developer_id
          FROM webhooks_endpoint e WHERE {{narrowed}} ORDER BY id DESC LIMIT %(limit)s) AS e
    JOIN agents_developer d ON d.id = e.developer_id
    LEFT JOIN LATERAL (
        SELECT l.created_at, l.state, l.status FROM webhooks_delivery l
        WHERE l.endpoint_id = e.id ORDER BY l.created_at DESC, l.id DESC LIMIT 1) AS last ON true
    ORDER BY e.id DESC
"""
# By the index of these; the words are those of its condition.
_IN_TROUBLE = "(failures > 0 OR is_full)"
# How they stand, the worse of what is true of one first.
_STANDING = {
    "disabled": "NOT e.enabled",
    "full": f"e.enabled AND e.is_full AND {_IN_TROUBLE}",
    "failing": f"e.enabled AND NOT e.is_full AND e.failures >= {FAILING} AND {_IN_TROUBLE}",
    "enabled": f"e.enabled AND NOT e.is_full AND e.failures < {FAILING}",
}
STANDINGS = tuple(_STANDING)


def list_endpoints(*, state: str, developer: str, after: UUID | None, limit: int) -> list[Row]:
    """Webhooks, the newest first; with a state, those that stand so; with a developer, by id or e-mail, theirs."""
    narrowed = [_STANDING[state]] if state else []
    if after is not None:
        narrowed.append("e.id < %(after)s")
    if developer:
        narrowed.append(OF_DEVELOPER)
    values = {"after": after, "limit": limit, **naming(developer)}
    return [_told(row) for row in rows(_ENDPOINTS.format(narrowed=" AND ".join(narrowed) or "true"), values)]


def get_endpoint(endpoint_id: UUID) -> Row | None:
    """One of them."""
    found = rows(_ENDPOINTS.format(narrowed="e.id = %(id)s"), {"id": endpoint_id, "limit": 1})
    return _told(found[0]) if found else None


def _told(row: Row) -> Row:
    if not row["enabled"]:
        state = "disabled"
    elif row["is_full"]:
        state = "full"
    else:
        state = "failing" if row["failures"] >= FAILING else "enabled"
    # The long parts of an address may be keys.
    return {**row, "url": place(row["url"]), "state": state}


_DELIVERIES = """
    SELECT v.id, v.state, v.tries, v.status, v.error, v.subject_id, v.created_at, v.ended_at, v.due_at, m.type
    FROM (SELECT * FROM webhooks_delivery v WHERE {narrowed}
          ORDER BY v.created_at DESC, v.id DESC LIMIT %(looked_at)s) AS v
    JOIN webhooks_message m ON m.number = v.message_id
    WHERE {sifted} ORDER BY v.created_at DESC, v.id DESC LIMIT %(limit)s
"""
# A list may be of what was lost, whether it failed or was dropped.
LOST = "not_arrived"
# States that share an index: one of them is looked for among these.
_LOST, _OPEN = "v.state IN ('failed', 'dropped')", "v.state IN ('pending', 'waiting')"
_ALIKE = {LOST: _LOST, "failed": _LOST, "dropped": _LOST, "pending": _OPEN, "waiting": _OPEN}
_NARROWING = {
    "since": "v.created_at >= %(since)s",
    "until": "v.created_at < %(until)s",
}
_SIFTING = {"type": "m.type = %(type)s", "subject": "v.subject_id = %(subject)s"}


def list_deliveries(endpoint_id: UUID, wanted: Mapping[str, Any], *, after: Place | None, limit: int) -> Sequence[Row]:
    """What was and is on its way to a webhook, the newest first, from behind a place on."""
    narrowed = ["v.endpoint_id = %(endpoint)s", *(text for name, text in _NARROWING.items() if wanted[name])]
    named = {**wanted, "endpoint": endpoint_id, "limit": limit}
    if after is not None:
        narrowed.append("(v.created_at, v.id) < (%(at)s, %(id)s)")
        named |= {"at": after.at, "id": after.id}
    sifted = [text for name, text in _SIFTING.items() if wanted[name]]
    if wanted["state"] in _ALIKE:
        narrowed.append(_ALIKE[wanted["state"]])
    if wanted["state"] not in ("", LOST):
        sifted.append("v.state = %(state)s")
    statement = _DELIVERIES.format(narrowed=" AND ".join(narrowed), sifted=" AND ".join(sifted) or "true")
    return rows(statement, {**named, "looked_at": LOOKED_AT if sifted else limit})


_DELIVERY = """
    SELECT v.id, v.endpoint_id, v.developer_id, v.state, v.tries, v.status, v.error, v.excerpt, v.log, v.subject_id,
           v.created_at, v.ended_at, v.due_at, v.since, v.lease_until > now() AS is_held, v.message_id, m.type,
           m.id AS message, m.data, m.created_at AS happened_at, e.url, e.enabled
    FROM webhooks_delivery v JOIN webhooks_message m ON m.number = v.message_id
    JOIN webhooks_endpoint e ON e.id = v.endpoint_id WHERE v.id = %s
"""


def get_delivery(delivery_id: UUID) -> Row | None:
    """One of them, with its message."""
    found = rows(_DELIVERY, [delivery_id])
    if not found:
        return None
    log = [{**one, "at": datetime.fromisoformat(one["at"])} for one in found[0]["log"]]
    return {**found[0], "url": place(found[0]["url"]), "log": log}


_BEFORE = """
    SELECT o.id, o.message_id FROM webhooks_delivery o
    WHERE o.endpoint_id = %(endpoint)s AND o.subject_id = %(subject)s AND o.state IN ('pending', 'waiting')
      AND o.message_id < %(message)s ORDER BY o.message_id LIMIT 1
"""


def first_before(delivery: Row) -> UUID | None:
    """The delivery that one waits behind."""
    named = {"endpoint": delivery["endpoint_id"], "subject": delivery["subject_id"], "message": delivery["message_id"]}
    found = rows(_BEFORE, named)
    return found[0]["id"] if found else None


_TROUBLES = f"""
    SELECT count(*) FILTER (WHERE e.enabled AND NOT e.is_full AND e.failures >= {FAILING}
                            AND e.failing_since < now() - make_interval(mins => 10)) AS failing,
           count(*) FILTER (WHERE NOT e.enabled AND e.disabled_at > now() - make_interval(days => 1)) AS disabled,
           count(*) FILTER (WHERE e.enabled AND e.is_full) AS "full"
    FROM (SELECT enabled, failures, failing_since, disabled_at, is_full FROM webhooks_endpoint
          WHERE {_IN_TROUBLE} AND disabled_reason <> %s LIMIT %s) AS e
"""


def webhooks_in_trouble() -> Row:
    """How many have failed for some time, were disabled for that within a day, or have too much before them."""
    return rows(_TROUBLES, [DISABLED_BY_HAND, _SOME])[0]
