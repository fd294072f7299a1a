"""What becomes of a file that is broken, hostile, gone or large, and of one whose worker dies."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from docs_store.ingestion import progress, working
from docs_store.ingestion.progress import Progress
from docs_store.ingestion.working import ingest_file
from docs_store.models import Chunk, Doc, DocEmbedding, Ingestion
from julep_project.core.errors import StorageUnavailable
from tests.api_client import ApiClient
from tests.extraction import samples
from tests.ingestion.conftest import Upload, stored
from tests.work.clock import pass_time

# A process that ends itself on the second part, unless it was told to avoid it.
DEADLY = """
import os, signal, sys
sys.path.insert(0, os.getcwd())
from docs_store.extraction import messages, reader
from docs_store.extraction.messages import Order
order = Order.of_text(sys.argv[1])
for message in reader.told(sys.stdin.buffer, order):
    os.write(1, messages.to_line(message))
    if message["say"] == "beginning" and message["part"] in PARTS:
        os.kill(os.getpid(), HOW)
"""
# One that is ended like this the first times that it is begun, before it reads anything.
UNLUCKY = """
import os, signal, sys
sys.path.insert(0, os.getcwd())
with open(LOG, "a+") as log:
    log.write("x")
    if log.tell() <= TIMES:
        HOW
from docs_store.extraction import reader
reader.main()
"""


@pytest.fixture
def dying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def let(parts: str, how: str = "signal.SIGSEGV") -> None:
        become(tmp_path, monkeypatch, DEADLY.replace("PARTS", parts).replace("HOW", how))

    return let


def become(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let this read files."""
    script = folder / "program.py"
    script.write_text(program)
    monkeypatch.setattr("docs_store.extraction.process.COMMAND", ["-B", str(script)])


def contents() -> list[str]:
    return list(Chunk.objects.order_by("index").values_list("content", flat=True))


def test_a_broken_page_costs_a_page(ingest: Upload) -> None:
    content = samples.changed(samples.slides(3), {"ppt/slides/slide2.xml": b"<p:sld"})
    _, job = ingest(content, "tides.pptx")
    assert (job["state"], job["reason"]) == ("succeeded", "1 of its parts cannot be read")
    assert (job["parts_read"], job["chunks"], job["broken_parts"]) == (3, 2, 1)
    (broken,) = job["broken"]
    assert (broken["page"], broken["code"]) == (2, "file_damaged")
    assert [chunk.place["page"] for chunk in Chunk.objects.order_by("index")] == [1, 3]


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"%PDF-1.7 nothing", "tides.pdf", "file_damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0", "tides.png", "file_type_unknown"),
        (samples.pdf(["", ""]), "scan.pdf", "file_has_no_text"),
        (samples.changed(samples.slides(1), {"ppt/slides/slide1.xml": b"<p:sld"}), "tides.pptx", "file_damaged"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_no_doc(
    api: ApiClient,
    ingest: Upload,
    upload: Upload,
    folder: Path,
    content: bytes,
    name: str,
    code: str,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        doc_id, job = ingest(content, name)
    assert job["state"] == "failed"
    assert job["error"] == {"code": code, "message": job["reason"]}
    assert job["doc_id"] is None and len(job["reason"]) > 10
    assert api.get(f"/docs/{doc_id}").status_code == 404
    assert not stored(folder) and not DocEmbedding.objects.exists()
    assert upload(content, name).status_code == 201


def test_a_page_that_ends_its_process_costs_a_page(ingest: Upload, dying: Any) -> None:
    dying("[1, 3]")
    _, job = ingest(samples.pdf(["one", "two", "three", "four", "five"]), "tides.pdf")
    assert (job["state"], job["parts_read"]) == ("succeeded", 5)
    assert [one["page"] for one in job["broken"]] == [2, 4]
    assert contents() == ["one", "three", "five"]


def test_a_page_that_takes_too_long_costs_a_page(ingest: Upload, dying: Any) -> None:
    dying("[0]", "signal.SIGPROF")
    _, job = ingest(samples.pdf(["one", "two"]), "tides.pdf")
    assert [(one["page"], one["code"]) for one in job["broken"]] == [(1, "file_takes_too_long")]
    assert contents() == ["two"]


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGKILL"])
def test_a_process_that_others_end_says_nothing_of_the_file(
    ingest: Upload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    """As when everything is stopped, or memory is short."""
    how = f"signal.signal(signal.SIGINT, signal.SIG_DFL); os.kill(os.getpid(), signal.{number})"
    program = UNLUCKY.replace("LOG", repr(str(tmp_path / "log"))).replace("TIMES", "1").replace("HOW", how)
    become(tmp_path, monkeypatch, program)
    _, job = ingest(samples.pdf(["one", "two"]), "tides.pdf")
    assert (job["state"], job["broken_parts"], contents()) == ("succeeded", 0, ["one", "two"])


def test_a_page_over_which_the_process_is_killed_twice_is_broken(ingest: Upload, dying: Any) -> None:
    dying("[1]", "signal.SIGKILL")
    _, job = ingest(samples.pdf(["one", "two", "three"]), "tides.pdf")
    assert (job["state"], [one["page"] for one in job["broken"]]) == ("succeeded", [2])
    assert contents() == ["one", "three"]


@pytest.mark.parametrize(("times", "state"), [(2, "succeeded"), (9, "failed")])
def test_a_program_that_does_not_begin_is_begun_again(
    api: ApiClient, upload: Upload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, state: str
) -> None:
    """As while another version of it is put in its place."""
    program = UNLUCKY.replace("LOG", repr(str(tmp_path / "log"))).replace("TIMES", str(times))
    become(tmp_path, monkeypatch, program.replace("HOW", "import nothing_of_this_name"))
    (job_id,) = upload(samples.pdf(["one"]), "tides.pdf").json()["jobs"]
    seen = []
    while (job := api.get(f"/jobs/{job_id}").json())["state"] not in ("succeeded", "failed"):
        seen.append(job["state"])
        ingest_file(UUID(job_id))
        pass_time(Ingestion, 600)
    assert job["state"] == state
    assert seen == ["pending"] + ["retrying"] * (2 if state == "succeeded" else 5)


def test_a_file_of_pages_that_end_processes_is_given_up(
    ingest: Upload, dying: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "MOST_DEADLY", 2)
    dying("range(9)")
    _, job = ingest(samples.pdf(["page"] * 9), "tides.pdf")
    assert (job["state"], job["error"]["code"], job["parts_read"]) == ("failed", "file_damaged", 2)


@pytest.mark.parametrize(("limit", "most"), [("MOST_CHUNKS", 3), ("MOST_TEXT_BYTES", 20)])
def test_a_file_of_more_text_than_a_doc_holds(
    ingest: Upload, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(progress, limit, most)
    _, job = ingest(samples.pdf(["some words"] * 4), "tides.pdf")
    assert (job["state"], job["error"]["code"]) == ("failed", "file_too_large")
    assert not Doc.objects.exists()


def test_a_file_that_takes_too_long_in_all(ingest: Upload, settings: Any) -> None:
    settings.EXTRACTION_SECONDS = 0
    _, job = ingest(samples.pdf(["some words"] * 4), "tides.pdf")
    assert (job["state"], job["error"]["code"]) == ("failed", "file_takes_too_long")


@pytest.fixture
def each_page_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Progress, "is_large", True)


class Crash(Exception):
    """The worker dies."""


@pytest.mark.parametrize("crash_before", range(6))
def test_after_a_crash_it_goes_on_where_it_was(
    api: ApiClient, upload: Upload, each_page_stored: None, monkeypatch: pytest.MonkeyPatch, crash_before: int
) -> None:
    """Before any of the times that something is stored, and with the last one before the end."""
    (job_id,) = upload(samples.pdf([f"page {number}" for number in range(1, 6)]), "tides.pdf").json()["jobs"]
    real, times = Progress.store, []

    def store(self: Progress) -> None:
        if len(times) == crash_before:
            raise Crash
        times.append(self.parts_read)
        real(self)

    with monkeypatch.context() as crashing, pytest.raises(Crash):
        crashing.setattr(Progress, "store", store)
        ingest_file(UUID(job_id))
    assert contents() == [f"page {number}" for number in range(1, crash_before + 1)]
    assert api.get(f"/jobs/{job_id}").json()["parts_read"] == crash_before
    ingest_file(UUID(job_id))
    assert len(contents()) == crash_before, "somebody holds the job"
    pass_time(Ingestion, 600)
    ingest_file(UUID(job_id))
    assert contents() == [f"page {number}" for number in range(1, 6)]
    assert api.get(f"/jobs/{job_id}").json()["state"] == "succeeded"
    assert Ingestion.objects.get().attempts <= 2


def test_whoever_lost_the_job_stores_nothing(upload: Upload, each_page_stored: None, monkeypatch: Any) -> None:
    (job_id,) = upload(samples.pdf(["one", "two"]), "tides.pdf").json()["jobs"]
    real = Progress.store

    def lost(self: Progress) -> None:
        Ingestion.objects.update(version=100)
        real(self)

    monkeypatch.setattr(Progress, "store", lost)
    ingest_file(UUID(job_id))
    assert contents() == [] and Ingestion.objects.get().state == "in_progress"


def test_a_turn_ends_and_the_next_goes_on(
    api: ApiClient, upload: Upload, each_page_stored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "_TURN_S", 0.0)
    (job_id,) = upload(samples.pdf(["one", "two", "three"]), "tides.pdf").json()["jobs"]
    seen = []
    for _ in range(4):
        ingest_file(UUID(job_id))
        job = api.get(f"/jobs/{job_id}").json()
        seen.append((job["state"], job["parts_read"], job["progress"]))
    assert seen == [
        ("in_progress", 1, 33.3),
        ("in_progress", 2, 66.7),
        ("in_progress", 3, 100),
        ("succeeded", 3, 100),
    ]
    assert contents() == ["one", "two", "three"]


def test_files_of_a_tenant_are_ready_in_the_order_they_came_in(
    api: ApiClient, upload: Upload, each_page_stored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of them a message is of; none is kept from its end by the turns of the others."""
    monkeypatch.setattr(working, "_TURN_S", 0.0)
    pages = ["one", "two"]
    jobs = [upload(samples.pdf(pages), f"{name}.pdf").json()["jobs"][0] for name in "abc"]
    ended = []
    for number in range(9):
        ingest_file(UUID(jobs[(2 - number) % 3]))
        states = [api.get(f"/jobs/{job_id}").json()["state"] for job_id in jobs]
        ended.append(states.count("succeeded"))
        assert states == sorted(states, key=["succeeded", "in_progress", "retrying", "pending"].index), states
    assert ended == [0, 0, 1, 1, 1, 2, 2, 2, 3]


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_doc_that_is_removed_ends_its_job(
    api: ApiClient, upload: Upload, owner: str, each_page_stored: None, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    doc = upload(samples.pdf(["one", "two"]), "tides.pdf").json()
    real = Progress.store

    def removed(self: Progress) -> None:
        Doc.objects.filter(pk=doc["id"]).delete()
        real(self)

    if when == "before":
        assert api.delete(f"{owner}/docs/{doc['id']}").status_code == 202
    else:
        monkeypatch.setattr(Progress, "store", removed)
    ingest_file(UUID(doc["jobs"][0]))
    job = api.get(f"/jobs/{doc['jobs'][0]}").json()
    assert (job["state"], job["reason"], job["doc_id"]) == ("aborted", "the doc was removed", None)
    assert contents() == []


def test_a_file_that_is_removed_fails_its_job(api: ApiClient, upload: Upload, folder: Path) -> None:
    doc = upload(b"tides").json()
    next(path for path in folder.rglob("*") if path.is_file()).unlink()
    ingest_file(UUID(doc["jobs"][0]))
    assert api.get(f"/jobs/{doc['jobs'][0]}").json()["error"]["code"] == "file_missing"


def test_a_storage_that_is_away_is_waited_for(api: ApiClient, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    (job_id,) = upload(b"tides").json()["jobs"]

    def away(*_: Any, **__: Any) -> bytes:
        raise StorageUnavailable

    with monkeypatch.context() as broken:
        broken.setattr("docs_store.files.services.read_stored", away)
        ingest_file(UUID(job_id))
    assert (Ingestion.objects.get().state, Ingestion.objects.get().attempts) == ("retrying", 0)
    pass_time(Ingestion, 600)
    ingest_file(UUID(job_id))
    assert api.get(f"/jobs/{job_id}").json()["state"] == "succeeded"


def test_a_message_that_finds_no_place_leaves_the_job_alone(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "_PATIENCE_S", 0.0)
    (job_id,) = upload(b"tides").json()["jobs"]
    taken = [working._places().acquire(blocking=False) for _ in range(10)]
    try:
        ingest_file(UUID(job_id))
        assert (Ingestion.objects.get().state, Ingestion.objects.get().attempts) == ("pending", 0)
    finally:
        for _ in filter(None, taken):
            working._places().release()
    ingest_file(UUID(job_id))
    assert Ingestion.objects.get().state == "succeeded"


def test_vectors_that_were_made_too_early_are_made_anew(
    api: ApiClient, upload: Upload, each_page_stored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is new covers docs whose files are still being read."""
    from docs_store import model_coverage
    from docs_store.embedding import embed_due

    doc = upload(samples.pdf(["one", "two"]), "tides.pdf").json()
    monkeypatch.setattr(working, "_TURN_S", 0.0)
    ingest_file(UUID(doc["jobs"][0]))
    model_coverage.register_model("offline/hashing")
    model_coverage.cover_model("offline/hashing")
    embed_due(doc_id=UUID(doc["id"]))
    assert api.get(f"/docs/{doc['id']}").json()["embedding_state"] == "ready"
    for _ in range(2):
        ingest_file(UUID(doc["jobs"][0]))
    assert api.get(f"/docs/{doc['id']}").json()["embedding_state"] == "pending"
    embed_due(doc_id=UUID(doc["id"]))
    assert len(api.get(f"/docs/{doc['id']}").json()["embeddings"]) == 2
