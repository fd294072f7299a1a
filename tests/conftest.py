"""Fixtures every test may use."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from pytest_django.plugin import blocking_manager_key

from agents.access.verification_keys import KEYS
from agents.calls.recorder import RECORDER
from agents.llm.keys.stored import forget_keys
from agents.models import Developer
from agents.spending import limits
from agents.vault.models import Secret
from agents.vault.sealing import Place, seal
from executions.engine.dispatch import dispatching_to
from julep_project.core import brake
from julep_project.core.database import Use, use_database_as
from julep_project.core.ids import uuid7
from julep_project.core.process.remembered import forget_everything
from sessions.context.render import evaluators
from tests.access.tokens import SHARED
from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend, flush_redis
from tests.database.emptied import empty_tables_after_tests
from tests.database.migrated import begin_with_copy
from tests.flow_runner import FlowRunner
from tests.loopback.model_server import ModelServer
from tests.loopback.network_guard import loopback_only
from tests.loopback.s3_server import S3Server
from tests.loopback.web_server import WebServer
from tests.once import make_once
from tests.parallel import needs_processes


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[object]:
    """Processes end with the last of the tests that need them, which follow each other."""
    try:
        return (yield)
    finally:
        if nextitem is not None and needs_processes(item) and not needs_processes(nextitem):
            for started in _STARTED:
                started.stop()


@pytest.fixture
def unpooled(transactional_db: None) -> Iterator[None]:
    """Every thread of this process opens and closes connections of its own, which are set up when they are opened."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(connection.settings_dict["OPTIONS"], "pool", raising=False)
        yield
        connection.close()


# What runs for all tests that need it.
_STARTED: list[Backend] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Migrating is part of no test, whose time is limited. Where there are several processes, the one that hands out
    the tests begins with it while the others read them."""
    if "JULEP_HOME" in os.environ and not session.config.option.collectonly:
        with session.config.stash[blocking_manager_key].unblock():
            begin_with_copy()


@pytest.fixture(autouse=True, scope="session")
def network_guard() -> Iterator[None]:
    """No test reaches another machine."""
    with loopback_only():
        yield


@pytest.fixture(autouse=True, scope="session")
def made_once() -> Iterator[None]:
    """What a process makes once, no test makes again."""
    with pytest.MonkeyPatch.context() as patch:
        make_once(patch)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_server() -> None:
    """Tests see the rows of all developers, though a module of tests imports the server: that makes a process one."""
    use_database_as(Use.COMMAND)


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """A test begins in a process that remembers nothing of others: no developer, no key and no limit, nothing that a
    provider refused and no slow moment of Redis, and no records of calls, which are written when a test says so."""
    brake._PREFIX = f"julep:brake:{uuid4()}:"
    brake._away_until = 0.0
    forget_everything()
    KEYS.forget()
    limits.forget()
    forget_keys()
    RECORDER.has_thread = False
    RECORDER.forget()


@pytest.fixture(autouse=True, scope="session")
def evaluators_closed() -> Iterator[None]:
    """The processes that rendered templates for tests end with them."""
    yield
    evaluators().close()


@pytest.fixture
def web_server() -> Iterator[WebServer]:
    """A web server on loopback that records requests and answers as scripted."""
    with WebServer() as server:
        yield server


@pytest.fixture(autouse=True, scope="session")
def emptied_tables() -> Iterator[None]:
    """A test on committed rows ends with the rows that migrations made, and no others."""
    with pytest.MonkeyPatch.context() as patch:
        empty_tables_after_tests(patch)
        yield


@pytest.fixture
def model_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A model provider on loopback, reached by every OpenAI model name."""
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.api_base)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-key")
        yield server


@pytest.fixture
def s3_server() -> Iterator[S3Server]:
    """An S3 service on loopback with one empty bucket, and room for a test to stand in its way."""
    with S3Server() as server:
        yield server


@pytest.fixture
def api(db: None, settings: Any) -> ApiClient:
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


@pytest.fixture
def developer(db: None) -> Developer:
    """The developer requests act for."""
    return Developer.objects.get(pk=UUID(int=0))


@pytest.fixture
def stranger(db: None) -> Developer:
    return Developer.objects.create(email="stranger@example.com")


@pytest.fixture
def keep_secret(developer: Developer, settings: Any) -> Callable[..., Secret]:
    """`keep_secret(name, value)` stores a secret of the developer, or of another one, or of an agent."""
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()

    def keep(name: str, value: str, *, owner: Developer = developer, agent_id: UUID | None = None) -> Secret:
        row_id = uuid7()
        sealed = seal(value, Place(owner.pk, agent_id, row_id))
        fields = {"sealed": sealed.text, "sealed_with": sealed.fingerprint}
        return Secret.objects.create(id=row_id, developer=owner, agent_id=agent_id, name=name, **fields)

    return keep


@pytest.fixture
def agent(api: ApiClient) -> dict[str, Any]:
    """An agent as the API shows it."""
    body: dict[str, Any] = api.post("/agents", {"name": "Writer"}).json()
    return body


@pytest.fixture
def flow(db: None, settings: Any, django_capture_on_commit_callbacks: Any) -> Iterator[FlowRunner]:
    """Runs programs through the API and the engine, in this process."""
    settings.AGENTS_API_KEY = API_KEY
    runner = FlowRunner(django_capture_on_commit_callbacks)
    with dispatching_to(runner.dispatcher):
        yield runner


@pytest.fixture(scope="session")
def provider() -> Iterator[ModelServer]:
    """The provider that the running processes reach by every OpenAI model. Leave no answer behind."""
    with ModelServer() as server:
        yield server


def _reaching(provider: ModelServer) -> dict[str, str]:
    return {"OPENAI_API_BASE": provider.api_base, "OPENAI_API_KEY": "sk-loopback-key"}


@pytest.fixture(scope="session")
def backend_processes(
    django_db_setup: None, provider: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """API server, workers and beat, started once. Who names no model gets the offline one."""
    started = Backend(tmp_path_factory.mktemp("backend"), {**_reaching(provider), "DEFAULT_MODEL": "offline/echo"})
    _STARTED.append(started)
    yield started
    started.stop()


@pytest.fixture
def backend(transactional_db: None, backend_processes: Backend) -> Backend:
    """The running processes on an empty database."""
    flush_redis()
    backend_processes.ensure_running()
    return backend_processes


@pytest.fixture(scope="session")
def api_processes(
    django_db_setup: None, provider: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Backend]]:
    """Two API processes on the test database, with short leases, which take tokens. A query waits for a lock for as
    long as a test may."""
    own = {"DB_POOL": "1", "CHAT_READER_TIMEOUT_S": "1", "DB_TIMEOUTS_API": "0,0,0"}
    tenants = {"AGENTS_API_MULTI_TENANT_MODE": "true", "JWT_SHARED_KEY": SHARED}
    environment = {**_reaching(provider), **own, **tenants}
    started = [Backend(tmp_path_factory.mktemp(f"api{number}"), environment) for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda process: process.start("api"), started))
    _STARTED.extend(started)
    yield started
    for process in started:
        process.stop()
