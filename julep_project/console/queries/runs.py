"""The list of runs of all tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import QueryDict

from agents.tools.presets import ARGUMENT_KEYS, SETUP_KEYS
from executions.comparing.usage import Usage, usage_of_runs
from executions.states import TERMINAL_EXECUTION, ExecutionStatus
from julep_project.console.address import moment_of, text_of, uuid_of
from julep_project.console.keyset import Place
from julep_project.console.queries.places import PLACE, label_at, label_of_row
from julep_project.console.queries.rows import Row, rows
from julep_project.core.reading.jsontext import to_json_text

# A text is looked for in so many of the newest runs that the other filters leave.
SEARCHED = 20_000
_MOST_TASKS = 500
_LONGEST = 200
_MOST_IDS = 200
_METADATA = 5
_BUCKETS = 48
_COUNTED = 50_000

_FINAL = ", ".join(f"'{status.value}'" for status in sorted(TERMINAL_EXECUTION))


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs. An empty part asks for nothing."""

    status: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    task: str = ""
    agent: str = ""
    error: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    fault: str = ""
    is_retried: bool | None = None

    @classmethod
    def of(cls, query: QueryDict) -> Self:
        """As an address asks.

        Raises:
            BadRequest: a part of it cannot be.
        """
        status = tuple(one for given in query.getlist("status") for one in given.split(",") if one)
        if unknown := set(status) - set(ExecutionStatus.values):
            raise BadRequest(f"There is no status {min(unknown)}")
        pairs = [given.partition("=") for given in query.getlist("meta") if given.strip()][:_METADATA]
        if any(name.strip() in (*ARGUMENT_KEYS, *SETUP_KEYS) for name, _, _ in pairs):
            raise BadRequest("What is preset for tools is as secret as their definitions")
        return cls(
            status=status,
            ids=_ids(query.getlist("run")),
            task=text_of(query, "task"),
            agent=text_of(query, "agent"),
            error=text_of(query, "error"),
            text=text_of(query, "q"),
            fault=text_of(query, "fault"),
            is_retried=_yes_or_no(query, "retried"),
            since=moment_of(query, "since"),
            until=moment_of(query, "until"),
            metadata=tuple((name.strip()[:_LONGEST], value.strip()[:_LONGEST]) for name, _, value in pairs),
        )

    def __bool__(self) -> bool:
        return self != RunFilter()

    @property
    def order(self) -> str:
        """What its newest rows come first by. With metadata no index is in this order, and Postgres would walk through
        all runs for a few."""
        return "e.created_at + interval '0'" if self.metadata else "e.created_at"

    def conditions(self) -> tuple[list[str], dict[str, Any]]:
        """What a row `e` of the table of runs has to meet, and the parameters of that."""
        found: list[str] = []
        parameters: dict[str, Any] = {}
        if self.status:
            found.append("e.status = ANY(%(status)s)")
            parameters["status"] = list(self.status)
        if self.ids:
            found.append("e.id = ANY(%(ids)s::uuid[])")
            parameters["ids"] = list(self.ids)
        if self.task or self.agent:
            found.append("e.task_id = ANY(%(tasks)s)")
            parameters["tasks"] = _tasks(self.task, self.agent)
        if self.error:
            found.append("e.status = 'failed' AND strpos(lower(e.error), lower(%(error)s)) > 0")
            parameters["error"] = self.error
        if self.fault:
            found.append("e.error_hash = %(fault)s")
            parameters["fault"] = self.fault
        if self.is_retried is not None:
            again = "EXISTS (SELECT FROM executions_execution again WHERE again.retried_from = e.id)"
            found.append(again if self.is_retried else f"NOT {again}")
        if self.since:
            found.append("e.created_at >= %(since)s")
            parameters["since"] = self.since
        if self.until:
            found.append("e.created_at < %(until)s")
            parameters["until"] = self.until
        for number, (name, value) in enumerate(self.metadata):
            # A number or a truth may have been meant as one or as a text.
            found.append(f"(e.metadata @> %(meta{number})s::jsonb OR e.metadata @> %(alike{number})s::jsonb)")
            parameters[f"meta{number}"] = to_json_text({name: value})
            parameters[f"alike{number}"] = to_json_text({name: _alike(value)})
        return found, parameters


def _yes_or_no(query: QueryDict, name: str) -> bool | None:
    given = query.get(name, "")
    if given not in ("", "yes", "no"):
        raise BadRequest(f"{name} is yes or no")
    return given == "yes" if given else None


def _ids(given: list[str]) -> tuple[str, ...]:
    """Runs that are named one by one."""
    if len(given) > _MOST_IDS or not all(map(uuid_of, given)):
        raise BadRequest(f"run is the id of one, {_MOST_IDS} times at most")
    return tuple(dict.fromkeys(str(uuid_of(one)) for one in given))


def _alike(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdecimal() and len(value) < 16 else value


def _tasks(task: str, agent: str) -> list[UUID]:
    """Tasks by id or exact name, of agents by id or exact name; nothing is taken apart into words."""
    found = rows(
        """
        SELECT t.id FROM tasks_task t JOIN agents_agent a ON a.id = t.agent_id
        WHERE (%(task)s = '' OR t.name = %(task)s OR t.canonical_name = %(task)s OR t.id = %(task_id)s)
          AND (%(agent)s = '' OR a.name = %(agent)s OR a.canonical_name = %(agent)s OR a.id = %(agent_id)s)
        LIMIT %(most)s
        """,
        {"task": task, "task_id": uuid_of(task), "agent": agent, "agent_id": uuid_of(agent), "most": _MOST_TASKS},
    )
    return [row["id"] for row in found]


_COLUMNS = """
    e.id, e.status, e.error, e.error_step, e.created_at, e.updated_at, e.ended_at, e.asleep_until, e.metadata,
    e.transition_count, e.open_waits, e.task_id,
    e.task_version_id, e.developer_id
"""


def list_runs(wanted: RunFilter, *, after: Place | None, limit: int) -> list[Row]:
    """Runs, the newest first, from behind a place on."""
    found, parameters = wanted.conditions()
    if after is not None:
        found.append("(e.created_at, e.id) < (%(at)s, %(id)s)")
        parameters |= {"at": after.at, "id": after.id}
    source = f"""
        SELECT {_COLUMNS} FROM executions_execution e WHERE {" AND ".join(found) or "true"}
        ORDER BY {wanted.order} DESC, e.id DESC LIMIT %(size)s
    """
    parameters["size"] = SEARCHED if wanted.text else limit
    if wanted.text:
        parameters |= {"text": wanted.text.lower(), "limit": limit, "secret": [*ARGUMENT_KEYS, *SETUP_KEYS]}
        source = f"""
            SELECT * FROM ({source}) AS e
            WHERE strpos(lower(coalesce(e.error, '')), %(text)s) > 0
               OR strpos(lower((e.metadata - %(secret)s::text[])::text), %(text)s) > 0
            ORDER BY e.created_at DESC, e.id DESC LIMIT %(limit)s
        """
    return _described(rows(source, parameters))


def runs_named(ids: Sequence[UUID]) -> list[Row]:
    """These runs, the newest first."""
    statement = (
        f"SELECT {_COLUMNS} FROM executions_execution e WHERE e.id = ANY(%s) ORDER BY e.created_at DESC, e.id DESC"
    )
    return _described(rows(statement, [list(ids)]))


def _described(runs: list[Row]) -> list[Row]:
    """The runs with the names of their tasks, where they stand, and what they cost."""
    if not runs:
        return []
    tasks = _by_id(
        "SELECT t.id, t.name, t.agent_id FROM tasks_task t WHERE t.id = ANY(%s)", {run["task_id"] for run in runs}
    )
    versions = _by_id(
        "SELECT v.id, v.number FROM tasks_taskversion v WHERE v.id = ANY(%s)", {run["task_version_id"] for run in runs}
    )
    steps, costs = _steps(runs), usage_of([run["id"] for run in runs])
    return [
        {
            **run,
            "task": tasks.get(run["task_id"], {}).get("name", ""),
            "version": versions.get(run["task_version_id"], {}).get("number"),
            "step": steps.get(run["id"], ""),
            "length": _length(run),
            "ended_at": _end(run),
            **costs.get(run["id"], NO_USAGE),
        }
        for run in runs
    ]


def _by_id(statement: str, ids: set[UUID]) -> dict[UUID, Row]:
    return {row["id"]: row for row in rows(statement, [list(ids)])}


def _length(run: Row) -> timedelta:
    length: timedelta = (_end(run) or datetime.now(UTC)) - run["created_at"]
    return length


def _end(run: Row) -> datetime | None:
    """When the run ended; of one from before that was written, when it was changed last."""
    is_ended = run["status"] in TERMINAL_EXECUTION
    return (run["ended_at"] or run["updated_at"]) if is_ended else None


def _steps(runs: Sequence[Row]) -> dict[UUID, str]:
    """The step each run stands at or failed in."""
    versions = {run["id"]: run["task_version_id"] for run in runs}
    found = {run["id"]: run["error_step"] for run in runs if run["error_step"]}
    failed = [run["id"] for run in runs if run["status"] == ExecutionStatus.FAILED and run["id"] not in found]
    under_way = [run["id"] for run in runs if run["status"] not in TERMINAL_EXECUTION]
    if failed:
        for row in rows(
            "SELECT execution_id, step_label, current FROM executions_transition "
            "WHERE execution_id = ANY(%s) AND type = 'error'",
            [failed],
        ):
            found[row["execution_id"]] = label_of_row(row["step_label"], row["current"])
    if under_way:
        for row in rows(_OPEN_PLACE, [under_way]):
            found[row["id"]] = label_at(versions[row["id"]], row["path"], row["pc"], row["display"])
    return found


# Of a run with many branches, one that is not joining tells most.
_OPEN_PLACE = f"""
    SELECT run.id, place.path, place.pc, place.display
    FROM unnest(%s::uuid[]) AS run(id) CROSS JOIN LATERAL (
        SELECT {PLACE} FROM executions_branch b
        WHERE b.execution_id = run.id AND b.status NOT IN ('done', 'failed', 'cancelled', 'joining') LIMIT 1
    ) AS place
"""

NO_USAGE: Mapping[str, Any] = asdict(Usage())


def usage_of(run_ids: Sequence[UUID]) -> dict[UUID, Row]:
    """What the models' calls of each run used, as far as their accounts are kept."""
    return {run_id: asdict(usage) for run_id, usage in usage_of_runs(run_ids).items()}


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many runs began in each of equal spans of time, by how they stand."""

    since: datetime
    until: datetime
    bars: list[dict[str, Any]]
    most: int


def histogram(wanted: RunFilter) -> Histogram:
    """The runs of a filter over its time, or over the last day."""
    until = wanted.until or datetime.now(UTC)
    since = wanted.since or until - timedelta(days=1)
    width = max((until - since) / _BUCKETS, timedelta(seconds=1))
    found, parameters = wanted.conditions()
    narrowed = " AND ".join(condition for condition in found if "created_at" not in condition) or "true"
    counted = rows(
        f"""
        SELECT date_bin(%(width)s, e.created_at, %(from)s) AS begin,
               CASE WHEN e.status = 'failed' THEN 'failed' WHEN e.status IN ({_FINAL}) THEN 'ended' ELSE 'open' END
                   AS kind, count(*) AS number
        FROM (SELECT e.created_at, e.status FROM executions_execution e
              WHERE e.created_at >= %(from)s AND e.created_at < %(to)s AND {narrowed}
              ORDER BY e.created_at DESC LIMIT %(counted)s) AS e
        GROUP BY 1, 2
        """,
        {**parameters, "from": since, "to": since + width * _BUCKETS, "width": width, "counted": _COUNTED},
    )
    numbers = {(round((row["begin"] - since) / width), row["kind"]): row["number"] for row in counted}
    bars = [_bar(numbers, bucket, since + width * bucket, width) for bucket in range(_BUCKETS)]
    return Histogram(since, until, bars, max((bar["total"] for bar in bars), default=0))


def _bar(numbers: Mapping[tuple[int, str], int], bucket: int, begin: datetime, width: timedelta) -> dict[str, Any]:
    parts = {kind: numbers.get((bucket, kind), 0) for kind in ("failed", "open", "ended")}
    return {"begin": begin, "end": begin + width, "total": sum(parts.values()), **parts}
