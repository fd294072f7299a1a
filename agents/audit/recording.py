"""Writes the audit log, in the transaction of the act itself: what is not committed was not done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.audit.models import LONGEST_NAME
from agents.audit.settings_shown import difference, shown
from agents.audit.verbs import ObjectKind, Verb
from julep_project.core.actor import current_actor
from julep_project.core.api.request_id import current_request_id
from julep_project.core.database import execute
from julep_project.core.ids import uuid7
from julep_project.core.reading.jsontext import to_json_text

Settings = Mapping[str, Any]

_AT_ONCE = 1000
_COLUMNS = {
    "id": "uuid",
    "developer_id": "uuid",
    "actor_kind": "text",
    "actor_id": "text",
    "actor_label": "text",
    "address": "text",
    "request_id": "text",
    "verb": "text",
    "object_kind": "text",
    "object_id": "text",
    "name": "text",
    "before": "jsonb",
    "after": "jsonb",
}

_INSERT = "INSERT INTO audit_auditrecord ({columns}) SELECT {values} FROM {source}"
# Of each column an array: a statement with a parameter for each value takes longer to be read than to be carried out.
_INSERT_EACH = _INSERT.format(
    columns=", ".join(_COLUMNS),
    values=", ".join(f"given.{name}::{type_}" for name, type_ in _COLUMNS.items()),
    source=f"""ROWS FROM ({", ".join(f"unnest(%(audit_{name})s::text[])" for name in _COLUMNS)})
        AS given({", ".join(_COLUMNS)})""",
)


def insert_from(source: str) -> str:
    """For a statement written by hand that does the act: what records it once for each row of `source`, a common table
    expression. Its parameters are those of `parameters_of`."""
    values = (f"%(audit_{name})s::{type_}" for name, type_ in _COLUMNS.items())
    return _INSERT.format(columns=", ".join(_COLUMNS), values=", ".join(values), source=source)


@dataclass(frozen=True, slots=True)
class Act:
    """What was done to one object. `before` and `after` are its settings, without secrets: a new object has only the
    latter, one that is gone only the former; of both, what differs is kept."""

    verb: Verb
    kind: ObjectKind
    object_id: object
    name: str = ""
    before: Settings | None = None
    after: Settings | None = None


def record(developer_id: UUID | None, *acts: Act) -> None:
    """Write what the current actor did. Call it in the transaction that does it."""
    record_all(developer_id, acts)


def record_all(developer_id: UUID | None, acts: Iterable[Act]) -> None:
    """The same for many acts."""
    record_each((developer_id, act) for act in acts)


def record_each(acts: Iterable[tuple[UUID | None, Act]]) -> None:
    """The same for acts on what belongs to several developers."""
    rows = [_parameters(_values(developer_id, act)) for developer_id, act in acts]
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        execute(_INSERT_EACH, {name: [row[name] for row in some] for name in some[0]})


def parameters_of(developer_id: UUID, act: Act) -> dict[str, Any]:
    """The parameters of what `insert_from` gives."""
    return _parameters(_values(developer_id, act))


def _parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: None if values[name] is None else to_json_text(values[name]) for name in ("before", "after")}
    return {f"audit_{name}": value for name, value in {**values, **texts}.items()}


def _values(developer_id: UUID | None, act: Act) -> dict[str, Any]:
    actor = current_actor()
    before, after = act.before, act.after
    if before is not None and after is not None:
        before, after = difference(before, after)
    return {
        "id": uuid7(),
        "developer_id": developer_id,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_label": actor.label[:LONGEST_NAME],
        "address": actor.address,
        "request_id": current_request_id(),
        "verb": act.verb.value,
        "object_kind": act.kind.value,
        "object_id": str(act.object_id),
        "name": act.name[:LONGEST_NAME],
        "before": None if before is None else shown(before),
        "after": None if after is None else shown(after),
    }
