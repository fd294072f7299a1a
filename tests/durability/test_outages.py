"""Neighbours of the running processes that go away in the middle of runs: it costs time only."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from django.conf import settings
from django.db import connection

from docs_store.models import DocEmbedding
from executions.models import Branch, Execution, Transition
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.api_client import ApiClient
from tests.backend import Backend, assert_recorded_once, wait_for_end, wait_until
from tests.durability.programs import create_task, start_run
from tests.loopback.web_server import WebServer
from tests.outages import NOT_WRITTEN, database_away

CALLS = 12
# Those of them that are not answered before a neighbour is away, so that there is work left however fast the rest goes.
HELD = (2, 5, 8)
LONG_S = 30


class Answers:
    """Answers the calls; a held one when it may."""

    def __init__(self) -> None:
        self._asked = {n: threading.Event() for n in HELD}
        self._may_go_on = {n: threading.Event() for n in HELD}

    def __call__(self, request: RecordedRequest) -> Reply:
        n = int(request.query["n"])
        if n in HELD:
            self._asked[n].set()
            self._may_go_on[n].wait(LONG_S)
        return Reply(200, {"n": n})

    def wait_until_asked(self, n: int) -> None:
        assert self._asked[n].wait(LONG_S), f"nobody has made call {n}"

    def let_go_on(self, *numbers: int) -> None:
        for n in numbers:
            self._may_go_on[n].set()


@pytest.fixture
def answers() -> Iterator[Answers]:
    made = Answers()
    yield made
    made.let_go_on(*HELD)


@pytest.fixture
def calls(api: ApiClient, web_server: WebServer, answers: Answers) -> str:
    """A run that makes some calls, a few at a time. Its id."""
    main = [
        {
            "over": f"$ range({CALLS})",
            "map": {"tool": "world", "arguments": {"params": {"n": "$ str(_)"}}},
            "parallelism": 3,
        },
        {"evaluate": "$ sum(answer.json.n for answer in _)"},
    ]
    return start_run(api, create_task(api, web_server.script("/held", answers), "calls", main))


def assert_complete(execution: Execution) -> None:
    assert (execution.status, execution.output) == ("succeeded", sum(range(CALLS))), execution.error
    assert_recorded_once(execution)
    rows = Transition.objects.filter(execution=execution)
    assert [row.metadata["retries"] for row in rows if "retries" in row.metadata] == []


def test_the_database_goes_away_again_and_again(backend: Backend, calls: str, answers: Answers) -> None:
    for n in HELD:
        answers.wait_until_asked(n)
        said = backend.log("io").count(NOT_WRITTEN)
        with database_away(keep=connection.connection.info.backend_pid):
            answers.let_go_on(n)
            wait_until(lambda said=said: backend.log("io").count(NOT_WRITTEN) > said, LONG_S, backend)

    assert_complete(wait_for_end(calls, backend))


@contextmanager
def disk_full() -> Iterator[None]:
    """The database takes no row of the log any more; a trigger says so in its stead."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$
            """
        )
        cursor.execute("CREATE TRIGGER no_room BEFORE INSERT ON executions_transition EXECUTE FUNCTION no_room()")
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION no_room() CASCADE")


def test_the_disk_of_the_database_is_full(
    backend: Backend, calls: str, answers: Answers, web_server: WebServer
) -> None:
    answers.wait_until_asked(HELD[0])
    with disk_full():
        answers.let_go_on(*HELD)
        held = Branch.objects.filter(execution=calls, held_up__by="the database", held_up__times__gte=3)
        wait_until(held.exists, 60, backend)
        assert set(held.values_list("attempt", flat=True)) == {0}

    assert_complete(wait_for_end(calls, backend))
    assert len(web_server.requests) == CALLS, "no call was made again"


WORKERS = ("engine", "io", "maintenance")


@contextmanager
def redis_full() -> Iterator[redis.Redis]:
    """Redis has reached its `maxmemory` and evicts nothing."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("more", 1)
        yield client
    finally:
        client.config_set("maxmemory", 0)


@pytest.mark.slow
def test_redis_takes_no_message(api: ApiClient, backend: Backend, calls: str, answers: Answers) -> None:
    answers.wait_until_asked(HELD[0])
    pids, client = backend.pids, redis.Redis.from_url(settings.REDIS_URL)
    for name in WORKERS:
        backend.signal(name, signal.SIGSTOP)
    agent = api.post("/agents", {"name": "Reader"}).json()["id"]
    api.post(f"/agents/{agent}/docs", {"title": "Library", "content": "It opens at nine."})
    others = [start_run(api, task_of(calls)) for _ in range(2)]
    # The first message of each queue is in the connection of its worker already.
    wait_until(lambda: client.llen("maintenance") > 0, 30, backend)
    with redis_full():
        answers.let_go_on(*HELD)
        for name in WORKERS:
            backend.signal(name, signal.SIGCONT)
        for name in (*WORKERS, "beat"):
            wait_until(lambda name=name: "when used memory" in backend.log(name), 60, backend)

    for run in (calls, *others):
        assert_complete(wait_for_end(run, backend))
    wait_until(lambda: not DocEmbedding.objects.exclude(state="ready").exists(), 60, backend)
    assert backend.pids == pids
    backend.assert_alive()


def task_of(run: str) -> str:
    return str(Execution.objects.values_list("task_version__task_id", flat=True).get(pk=run))
