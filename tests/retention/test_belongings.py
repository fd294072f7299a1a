"""What has very many belongings is removed by as many requests as that takes, and what has few in one transaction."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.access.services import create_key
from agents.audit.models import AuditRecord
from agents.models import Developer
from agents.retention import belongings
from agents.retention.pace import OutOfTime, Pace
from docs_store import services
from docs_store.models import Chunk, Doc, DocEmbedding, Embedding, File, VectorStore, VectorStoreFile
from executions.engine.dispatch import dispatching_to
from executions.models import Blob, Execution, Transition
from sessions.models import Entry, EntrySource, Session
from tests.api_client import API_KEY, ApiClient
from tests.flow_runner import FlowRunner

pytestmark = pytest.mark.django_db(transaction=True)

Given = tuple[str, Any]


@pytest.fixture
def api(settings: Any) -> ApiClient:
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(belongings, "MOST_AT_ONCE", 3)


def parts_of(doc: Doc) -> None:
    """Five chunks of a doc, each with its vector."""
    of = {"developer": doc.developer, "agent": doc.agent, "user": doc.user, "store": doc.store, "doc": doc}
    for index in range(5):
        chunk = Chunk.objects.create(**of, index=index, content=str(index))
        Embedding.objects.create(**of, chunk=chunk, model="m", vector=[1.0])


def doc_of(owner: str) -> Callable[[ApiClient], Given]:
    def make(api: ApiClient) -> Given:
        path = f"/{owner}s/{api.post(f'/{owner}s', {'name': 'n'}).json()['id']}"
        [doc] = [api.post(f"{path}/docs", {"title": "t", "content": "c"}).json()["id"]]
        Chunk.objects.all().delete()
        parts_of(Doc.objects.get(pk=doc))
        return path, Doc

    return make


def one_doc(api: ApiClient) -> Given:
    path, _ = doc_of("agent")(api)
    return f"{path}/docs/{Doc.objects.get().pk}", Doc


def store(api: ApiClient) -> Given:
    """One with a file that was read in five chunks."""
    file = File.objects.get(pk=api.post("/files", {"name": "f", "content": "aGk="}).json()["id"])
    row = VectorStore.objects.create(developer=file.developer)
    link = VectorStoreFile.objects.create(developer=file.developer, store=row, file=file)
    parts_of(Doc.objects.create(developer=file.developer, store=row, store_file=link, title="f", content_hash="0"))
    return f"/v1/vector_stores/vs_{row.pk.hex}", Doc


def file_of_store(api: ApiClient) -> Given:
    path, _ = store(api)
    return f"{path}/files/file-{File.objects.get().pk.hex}", Doc


def file(api: ApiClient) -> Given:
    store(api)
    return f"/files/{File.objects.get().pk}", Doc


def session(api: ApiClient) -> Given:
    """One in which five messages were written."""
    agent = api.post("/agents", {"name": "n"}).json()["id"]
    path = f"/sessions/{api.post('/sessions', {'agent': agent}).json()['id']}"
    of = {"session": Session.objects.get(), "role": "user", "source": EntrySource.API_REQUEST, "tokenizer": ""}
    for seq in range(5):
        Entry.objects.create(**of, seq=seq, place=seq, content=str(seq), token_count=1)
    return path, Entry


def history(api: ApiClient) -> Given:
    path, left = session(api)
    return f"{path}/history", left


ROWS = {
    "agent": doc_of("agent"), "user": doc_of("user"), "doc": one_doc, "store": store, "file of a store": file_of_store,
    "file": file, "session": session, "history": history,
}  # fmt: skip


@pytest.fixture
def of_another(stranger: Developer) -> ApiClient:
    """Sends as another developer."""
    _, key = create_key(developer=stranger, values={"label": "k"})
    return ApiClient(key)


@pytest.mark.parametrize("make", ROWS.values(), ids=ROWS)
def test_a_removal_goes_on_where_the_last_request_ended(
    make: Callable[[ApiClient], Given], api: ApiClient, of_another: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, left = make(api)
    acts = AuditRecord.objects.filter(verb__in=["delete", "clear"])
    with monkeypatch.context() as patch:
        patch.setattr(belongings, "_REQUEST_S", -1.0)
        assert of_another.delete(path).status_code == 404
        refused = api.delete(path)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert "ask again" in refused.json()["error"]["message"]
    assert (left.objects.exists(), acts.exists()) == (True, False)
    assert of_another.delete(path).status_code == 404
    assert left.objects.exists()
    assert api.delete(path).status_code in (200, 202)
    assert not any(model.objects.exists() for model in (left, Chunk, Embedding, DocEmbedding))
    assert acts.count() == 1


def test_docs_that_are_removed_together(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some after the others, where they have many chunks: whenever there is no more time, what stays is whole."""
    monkeypatch.setattr(services, "_TOGETHER", 1)
    path = f"/agents/{api.post('/agents', {'name': 'n'}).json()['id']}/docs"
    ids = [api.post(path, {"title": str(n), "content": ["a", "b"]}).json()["id"] for n in range(3)]
    for left in (2, 1):
        moments = iter([True])

        def look(self: Pace, moments: Any = moments) -> None:
            """There is time to begin with one."""
            if self._until is not None and next(moments, None) is None:
                raise OutOfTime

        with monkeypatch.context() as patch:
            patch.setattr(Pace, "_check_time", look)
            assert api.send("DELETE", path, {"delete_all": True}).status_code == 503
        assert [str(doc.pk) for doc in Doc.objects.order_by("pk")] == ids[:left]
        assert Chunk.objects.count() == 2 * left
    assert api.send("DELETE", path, {"delete_all": True}).json()
    assert not Doc.objects.exists()


@pytest.mark.parametrize("owner", ["task", "agent"])
def test_runs_go_before_their_task(
    owner: str, api: ApiClient, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    runner = FlowRunner(django_capture_on_commit_callbacks)
    with dispatching_to(runner.dispatcher):
        task = runner.create({"main": [{"evaluate": {"n": "$ _.n"}}, {"evaluate": {"n": "$ _.n"}}]}).json()
        for n in range(3):
            runner.start(task["id"], {"n": n})
    path = f"/agents/{task['agent_id']}" + (f"/tasks/{task['id']}" if owner == "task" else "")
    with monkeypatch.context() as patch:
        patch.setattr(belongings, "_REQUEST_S", -1.0)
        assert api.delete(path).status_code == 503
    assert api.get(f"/tasks/{task['id']}").status_code in (200, 202)
    assert api.delete(path).status_code in (200, 202)
    assert not any(model.objects.exists() for model in (Execution, Transition, Blob))
