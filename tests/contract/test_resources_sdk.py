"""Users, files and jobs through the published Python client, against running processes."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from julep import BadRequestError, Julep, NotFoundError, UnprocessableEntityError

from tests.api_client import API_KEY
from tests.backend import Backend, wait_until

_LONG: Any = {"role": "user", "content": "The sea rises at noon. " * 15}
CONTENT = b"The sea rises at noon.\x00\xff"


@pytest.fixture
def client(backend: Backend) -> Iterator[Julep]:
    with Julep(api_key=API_KEY, base_url=backend.url, max_retries=0, timeout=30) as opened:
        yield opened


def test_every_verb_of_users(client: Julep) -> None:
    user = client.users.create(name="Bob", about="Sails.", metadata={"a": 1})
    assert (user.name, user.about, user.metadata, user.project) == ("Bob", "Sails.", {"a": 1}, "default")
    changed = client.users.update(user.id, about="Rows.", metadata={"b": 2})
    assert (changed.name, changed.about, changed.metadata) == ("Bob", "Rows.", {"a": 1, "b": 2})
    assert client.users.reset(user.id, name="Robert").metadata == {}
    assert client.users.create_or_update(user.id, name="Bob", about="").id == user.id
    other = client.users.create_or_update(str(uuid4()), name="Eve", about="Dives.", metadata={"n": 1})
    assert [found.id for found in client.users.list(limit=1)] == [other.id, user.id]
    assert [found.id for found in client.users.list(metadata_filter={"n": 1})] == [other.id]
    client.users.delete(user.id)
    with pytest.raises(NotFoundError):
        client.users.get(user.id)


def test_projects(client: Julep) -> None:
    made = client.projects.create(canonical_name="harbour", name="Harbour", metadata={"a": 1})
    assert (made.canonical_name, made.name) == ("harbour", "Harbour")
    assert [found.canonical_name for found in client.projects.list(metadata_filter={"a": 1})] == ["harbour"]
    assert client.agents.create(name="Ada", project="harbour").project == "harbour"


def test_secrets_are_not_there_yet(client: Julep) -> None:
    """And say so at once, with the answer of an unknown route."""
    for call in (
        client.secrets.list,
        lambda: client.secrets.create(name="KEY", value="v"),
        lambda: client.secrets.update(str(uuid4()), name="KEY", value="v"),
        lambda: client.secrets.delete(str(uuid4())),
    ):
        with pytest.raises(NotFoundError):
            call()


def test_every_verb_of_files(client: Julep) -> None:
    sent = b64encode(CONTENT).decode()
    file = client.files.create(name="tide.bin", content=sent, mime_type="application/octet-stream", description="Tides")
    assert (file.name, file.size, file.hash) == ("tide.bin", len(CONTENT), sha256(CONTENT).hexdigest())
    assert client.files.get(file.id).content == sent
    assert [found.id for found in client.files.list()] == [file.id]
    assert client.files.delete(file.id).id == file.id
    with pytest.raises(NotFoundError):
        client.files.get(file.id)
    with pytest.raises((BadRequestError, UnprocessableEntityError)):
        client.files.create(name="tide.bin", content="not base64!")


def test_a_job_is_followed_to_its_end(client: Julep, backend: Backend) -> None:
    agent = client.agents.create(name="Ada", model="offline/echo")
    session = client.sessions.create(agent=agent.id, token_budget=600, context_overflow="adaptive")
    said: Any = [client.sessions.chat(session.id, messages=[_LONG], recall=False).jobs for _ in range(3)]
    [job_id] = next(jobs for jobs in said if jobs)
    wait_until(lambda: client.jobs.get(job_id).state == "succeeded", 30, backend)
    job = client.jobs.get(job_id)
    assert (job.id, job.progress, job.has_progress) == (job_id, 100, True)
    with pytest.raises(NotFoundError):
        client.jobs.get(str(uuid4()))
