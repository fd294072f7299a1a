"""Users, files and jobs through the published Python client, against running processes."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from julep import BadRequestError, ConflictError, Julep, NotFoundError, UnprocessableEntityError

from agents.access.services import create_key
from agents.models import Developer
from tests.backend import Backend, wait_until

_LONG: Any = {"role": "user", "content": "The sea rises at noon. " * 15}
CONTENT = b"The sea rises at noon.\x00\xff"


@pytest.fixture
def client(backend: Backend, developer: Developer) -> Iterator[Julep]:
    """With a key of the developer's own, not the operator's."""
    _, key = create_key(developer=developer, values={"label": "tests", "scopes": ["read", "write"]})
    with Julep(api_key=key, base_url=backend.url, max_retries=0, timeout=30) as opened:
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


def test_every_verb_of_secrets(client: Julep) -> None:
    made = [client.secrets.create(name=f"KEY_{number}", value="tide") for number in range(3)]
    assert [(secret.name, secret.value) for secret in made] == [(f"KEY_{number}", "ENCRYPTED") for number in range(3)]
    newest = [secret.id for secret in reversed(made)]
    assert [secret.id for secret in client.secrets.list()] == newest
    assert [secret.id for secret in client.secrets.list(limit=1, offset=1)] == newest[1:2]
    changed = client.secrets.update(made[0].id, name="OTHER", value="ebb", description="Low", metadata={"a": 1})
    assert (changed.id, changed.name, changed.value, changed.description) == (made[0].id, "OTHER", "ENCRYPTED", "Low")
    assert client.secrets.delete(made[0].id).id == made[0].id
    assert [secret.id for secret in client.secrets.list()] == newest[:2]
    with pytest.raises(NotFoundError):
        client.secrets.delete(made[0].id)
    with pytest.raises(UnprocessableEntityError):
        client.secrets.create(name="KEY", value="")


def test_a_secret_that_is_there_is_told_at_once(client: Julep) -> None:
    """With the repetitions that the client makes by default it would take seconds."""
    patient = client.with_options(max_retries=5)
    patient.secrets.create(name="KEY", value="tide")
    with pytest.raises(ConflictError) as raised:
        patient.secrets.create(name="KEY", value="tide")
    assert raised.value.response.request.headers["x-stainless-retry-count"] == "0"


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
