"""The pages of the console over very many rows: how long their statements take, and when a browser paints first."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from executions.models import Branch, Execution
from julep_project.bench import paints, programs
from julep_project.bench.chat_streams import server_process
from julep_project.bench.copies import copy_runs, lengthen, let_wait
from julep_project.bench.table import Row, median
from julep_project.core.clock import now
from julep_project.core.database import execute
from julep_project.devservices.ports import LOOPBACK
from tasks.models import Task

_DAYS = 7
_STEPS = 9
_TASKS = 4
# Of a hundred runs so many failed; of a thousand so many wait for an answer.
_FAILED, _ASKING = 5, 5
_LONG = (5003, 100_000)
_NAME = "bench"

_VARY = """
    UPDATE executions_execution
    SET metadata = jsonb_build_object('customer', 'c' || (random() * 5000)::int, 'shop', (random() * 20)::int),
        error_hash = CASE WHEN status = 'failed' THEN lpad(to_hex((random() * 40)::int), 16, '0') END
    WHERE task_id = ANY(%(tasks)s)
"""
_FILL = (
    """
    INSERT INTO agents_modelusage (id, created_at, developer_id, model, prompt_tokens, completion_tokens, cost,
                                   estimated, custom_api_used, metadata, state, folded, task_id, agent_id, execution_id)
    SELECT {id}, moment, %(developer)s, 'model-' || n %% 7, n %% 4000, n %% 500, random() / 50, false, false, '{{}}',
           'settled', false, %(task)s, %(agent)s, run.id
    FROM (SELECT n, now() - make_interval(secs => n * {days} * 86400.0 / %(many)s) AS moment
          FROM generate_series(1, %(many)s) AS n) AS times
    JOIN (SELECT id, row_number() OVER () AS number FROM executions_execution WHERE task_id = %(task)s) AS run
        ON run.number = 1 + n %% %(runs)s
    """,
    """
    INSERT INTO audit_auditrecord (id, created_at, developer_id, actor_kind, actor_id, actor_label, address, request_id,
                                   verb, object_kind, object_id, name)
    SELECT {id}, moment, %(developer)s, 'key', 'k' || n %% 90, 'robot ' || n %% 90, '10.0.0.1', 'r' || n, 'update',
           'agent', gen_random_uuid()::text, 'agent ' || n
    FROM (SELECT n, now() - make_interval(secs => n * {days} * 86400.0 / %(many)s) AS moment
          FROM generate_series(1, %(many)s) AS n) AS times
    """,
    """
    WITH session AS (
        INSERT INTO chat_sessions_session (id, created_at, updated_at, developer_id, render_templates, auto_run_tools,
                                           forward_tool_calls, on_busy, metadata, entry_count)
        SELECT {id}, moment, moment, %(developer)s, true, false, false, 'enqueue', '{{}}', 8
        FROM (SELECT n, now() - make_interval(secs => n * {days} * 86400.0 / %(some)s) AS moment
              FROM generate_series(1, %(some)s) AS n) AS times
        RETURNING id, created_at AS moment
    ), agent AS (
        INSERT INTO chat_sessions_sessionagent (session_id, agent_id, position) SELECT id, %(agent)s, 0 FROM session
    )
    INSERT INTO chat_sessions_entry (id, session_id, seq, place, created_at, role, content, source, tokenizer,
                                     token_count, model)
    SELECT {id}, session.id, n, n, moment, CASE n %% 2 WHEN 0 THEN 'user' ELSE 'assistant' END,
           to_jsonb('Where is my order? ' || repeat(md5(n::text), 12)), 'api_request', 'o200k_base', 90, ''
    FROM session, generate_series(1, 8) AS n
    """,
)
_ID = """
    (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7' || left(md5(random()::text), 3) || '8'
     || left(md5(random()::text), 15))::uuid
"""


@dataclass(frozen=True)
class _Made:
    """Rows that pages are of, by their ids."""

    run: UUID
    failed: UUID
    long: Mapping[int, UUID]
    wait: UUID | None
    task: UUID
    session: UUID

    @property
    def pages(self) -> Mapping[str, str]:
        """Paths of pages by what they are called."""
        return {
            "Overview": "/admin/",
            "Runs": "/admin/runs/",
            "Runs that failed": "/admin/runs/?status=failed",
            "Runs of a customer": "/admin/runs/?meta=customer%3Dc77",
            "Runs with a text": "/admin/runs/?q=c77",
            "Runs over time": "/admin/runs/histogram/?since=-7d",
            "A run that failed": f"/admin/runs/{self.failed}/",
            **{f"A run of {rows:,} rows": f"/admin/runs/{run}/" for rows, run in self.long.items()},
            "Rows of its timeline": f"/admin/runs/{self.long[max(self.long)]}/rows/?after_seq={max(self.long) - 1000}",
            "Search": f"/admin/search/?q={str(self.run)[:8]}",
            "Errors": "/admin/errors/?since=7d",
            "Inbox": "/admin/inbox/",
            "A wait": f"/admin/inbox/{self.wait}/",
            "Chats": "/admin/chats/",
            "Chats with a text": "/admin/chats/?text=nobody",
            "A chat": f"/admin/chats/{self.session}/",
            "Queues & workers": "/admin/queues/",
            "Bulk actions": "/admin/bulk/",
            "A bulk action, before": "/admin/bulk/new/?action=retry&status=failed",
            "Usage": "/admin/usage/",
            "The dearest calls": "/admin/usage/?of=model-3",
            "Documents": "/admin/documents/",
            "Health": "/admin/health/",
            "Controls": "/admin/controls/",
            "Audit": "/admin/audit/",
            "A task": f"/admin/tasks/{self.task}/",
        }


def measure(runs: int, times: int, long: Sequence[int] = _LONG) -> list[Row]:
    """(r) So many runs with ten times as many rows of log, and each page so many times."""
    made = _fill(runs, long)
    client = Client(headers={"host": LOOPBACK})
    client.force_login(_operator())
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    with server_process() as (url, _):
        first = paints.first_paints(url, {settings.SESSION_COOKIE_NAME: cookie}, made.pages, times)
    rows = []
    for name, path in made.pages.items():
        taken, statements = _statements(client, path, times)
        rows.append(Row("r", f"{name}: in Postgres", taken, "ms", aim="at most 50 ms", note=f"{statements} statements"))
        rows.append(Row("r", f"{name}: {first.what}", first.ms[name], "ms", aim="at most 400 ms"))
    return rows


def _statements(client: Client, path: str, times: int) -> tuple[float, int]:
    """Milliseconds that the statements of a page take, and how many those are."""
    taken: list[float] = []
    number = 0
    for _ in range(times + 1):
        with _timed() as seconds:
            answer = client.get(path, follow=True)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
        taken.append(sum(seconds) * 1e3)
        number = len(seconds)
    return median(taken[1:]), number


@contextmanager
def _timed() -> Iterator[list[float]]:
    seconds: list[float] = []

    def timing(run: Callable[..., Any], *arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return run(*arguments)
        finally:
            seconds.append(time.perf_counter() - begun)

    with connection.execute_wrapper(timing):
        yield seconds


def _operator() -> User:
    user, _ = User.objects.get_or_create(username=_NAME, defaults={"is_staff": True, "is_superuser": True})
    return user


def _fill(runs: int, long: Sequence[int]) -> _Made:
    tasks = [programs.light_steps(_STEPS) for _ in range(_TASKS)]
    failing, asking = programs.failing(), programs.asking()
    asking_runs = max(runs * _ASKING // 1000, 2)
    for task, number in [(task, runs // _TASKS) for task in tasks] + [
        (failing, runs * _FAILED // 100),
        (asking, asking_runs),
    ]:
        _copies(task, number)
    let_wait(asking.pk)
    everything = [task.pk for task in (*tasks, failing, asking)]
    execute(_VARY, {"tasks": everything})
    newest = Execution.objects.filter(task=asking).order_by("-created_at").values_list("pk", flat=True)
    made_longer = dict(zip(long, newest[: len(long)], strict=True))
    for rows, one in made_longer.items():
        lengthen(one, rows - 2)
    run = Execution.objects.filter(task=tasks[0]).latest("created_at").pk
    numbers = {"many": runs * 2, "some": runs // 5, "developer": asking.developer_id, "runs": runs // _TASKS}
    for statement in _FILL:
        parameters = {**numbers, "task": tasks[0].pk, "agent": tasks[0].agent_id}
        execute(statement.format(id=_ID, days=_DAYS), parameters)
    execute("VACUUM (ANALYZE)")
    return _Made(
        run=run,
        failed=Execution.objects.filter(task=failing).latest("created_at").pk,
        long=made_longer,
        wait=Branch.objects.filter(execution_id=made_longer[long[0]]).values_list("wait_id", flat=True)[0],
        task=tasks[0].pk,
        session=_newest_session(),
    )


def _copies(task: Task, number: int) -> None:
    """A real run and so many like it, over the days."""
    like = programs.start(task)
    while Execution.objects.filter(pk=like, status__in=("queued", "starting", "running")).exists():
        time.sleep(0.01)
    begin = now() - timedelta(days=_DAYS)
    for day in range(_DAYS):
        copy_runs(like, begin + timedelta(days=day), max(number // _DAYS, 1))


def _newest_session() -> UUID:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM chat_sessions_session ORDER BY id DESC LIMIT 1")
        found: UUID = cursor.fetchone()[0]
    return found
