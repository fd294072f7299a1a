"""Large values of runs: read like any other, kept in the file storage, gone with their run."""

import errno
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection
from django.test import Client

from executions import selectors
from executions.blobs import prune_blobs
from executions.models import Blob, Execution
from tests.flow_runner import FlowRunner

LARGE = {"text": "x" * 3000}


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    """Where contents go in these tests; values over 1 KiB are large."""
    settings.MEDIA_ROOT = str(tmp_path)
    settings.BLOB_STORE_CUTOFF_KB = 1
    return tmp_path


def stored(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def columns(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [str(row[0]) for row in cursor.fetchall()]


def run(flow: FlowRunner, main: list[Any], input_: Any) -> dict[str, Any]:
    task = flow.create({"main": main}).json()["id"]
    return flow.start(task, input_)


def test_large_inputs_and_outputs_come_back_whole(flow: FlowRunner, folder: Path) -> None:
    main = [{"evaluate": {"doubled": "$ _.text * 2"}}, {"evaluate": {"n": "$ len(outputs[0].doubled)", "was": "$ _"}}]
    ended = run(flow, main, LARGE)

    doubled = {"doubled": "x" * 6000}
    assert (ended["status"], ended["input"]) == ("succeeded", LARGE)
    assert ended["output"] == {"n": 6000, "was": doubled}
    assert [row["output"] for row in flow.log(ended["id"])] == [LARGE, doubled, ended["output"]]
    assert max(map(len, columns("SELECT output::text FROM executions_transition"))) < 200
    assert max(map(len, columns("SELECT input::text || output::text FROM executions_execution"))) < 400
    assert stored(folder)


def test_large_items_of_loops_and_results_of_branches(flow: FlowRunner) -> None:
    main = [{"over": "$ [_.text + str(n) for n in range(3)]", "map": {"evaluate": {"t": "$ _"}}, "parallelism": 2}]
    expected = [{"t": f"{LARGE['text']}{n}"} for n in range(3)]
    assert run(flow, main, LARGE)["output"] == expected
    loop = [{"foreach": {"in": "$ [_.text + str(n) for n in range(3)]", "do": [{"evaluate": {"t": "$ _"}}]}}]
    assert run(flow, loop, LARGE)["output"] == expected
    assert max(map(len, columns("SELECT value::text FROM executions_loopitem"))) < 200


def test_small_values_stay_in_the_database(flow: FlowRunner, folder: Path) -> None:
    run(flow, [{"evaluate": {"n": "$ 1"}}], {"small": True})
    assert not stored(folder)


def test_zero_keeps_everything_in_the_database(flow: FlowRunner, folder: Path, settings: Any) -> None:
    settings.BLOB_STORE_CUTOFF_KB = 0
    assert run(flow, [{"evaluate": {"t": "$ _.text"}}], LARGE)["output"] == {"t": LARGE["text"]}
    assert not stored(folder)


def test_a_value_that_looks_like_a_reference_is_only_a_value(flow: FlowRunner, folder: Path) -> None:
    (folder / "secret").write_text('"of somebody else"')
    forged = {"$blob": "secret"}
    main = [{"evaluate": {"$blob": "$ 'secret'"}}, {"wait_for_input": {"info": {"$blob": "secret"}}}]
    waiting = run(flow, main, forged)
    ended = flow.resume(waiting["id"], forged)

    assert (ended["input"], ended["output"]) == (forged, forged)
    assert "of somebody else" not in str(flow.log(ended["id"]))


def test_contents_go_with_their_run(flow: FlowRunner, folder: Path) -> None:
    task = flow.create({"main": [{"evaluate": {"t": "$ _.text"}}]}).json()
    kept = run(flow, [{"evaluate": {"t": "$ _.text"}}], LARGE)
    flow.start(task["id"], LARGE)
    everything = len(stored(folder))

    assert prune_blobs() == 0, "runs are there, and young contents may belong to one that is being made"
    assert flow.api.delete(f"/agents/{task['agent_id']}/tasks/{task['id']}").status_code == 202
    with connection.cursor() as cursor:
        cursor.execute("UPDATE executions_blob SET created_at = created_at - interval '2 days'")
    assert prune_blobs() == everything / 2
    assert len(stored(folder)) == Blob.objects.count() == everything / 2
    assert flow.api.get(f"/executions/{kept['id']}").json()["output"] == {"t": LARGE["text"]}
    assert all(default_storage.exists(name) for name in Blob.objects.values_list("name", flat=True))


LONG = 2**70 + 1


def test_whole_numbers_of_any_length(flow: FlowRunner) -> None:
    large = {**LARGE, "n": LONG}
    ended = run(flow, [{"evaluate": {"text": "$ _.text", "n": "$ _.n", "next": "$ _.n + 1"}}], large)
    assert (ended["input"], ended["output"]) == (large, {**large, "next": LONG + 1})

    for given in ({"n": LONG}, large):
        waiting = run(flow, [{"wait_for_input": {"info": {}}}], {})
        assert flow.resume(waiting["id"], given)["output"] == given
        assert [row["output"] for row in flow.log(waiting["id"]) if row["type"] == "resume"] == [given]


def test_a_refused_resume_leaves_nothing(flow: FlowRunner, folder: Path) -> None:
    ended = run(flow, [{"evaluate": {"n": "$ 1"}}], {})
    assert flow.api.put(f"/executions/{ended['id']}", {"status": "running", "input": LARGE}).status_code == 400
    missing = f"/executions/{uuid4()}"
    assert flow.api.put(missing, {"status": "running", "input": LARGE}).status_code == 404
    assert not stored(folder) and not Blob.objects.exists()


def test_a_large_resume_is_stored_before_a_row_is_locked(
    flow: FlowRunner, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = run(flow, [{"wait_for_input": {"info": {}}}], {})
    steps: list[str] = []
    real = FileSystemStorage._save

    def save(storage: FileSystemStorage, name: str, content: Any) -> str:
        steps.append("stored")
        return real(storage, name, content)

    def note_locks(execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        if "FOR UPDATE" in str(statement):
            steps.append("locked")
        return execute(statement, params, many, context)

    monkeypatch.setattr(FileSystemStorage, "_save", save)
    with connection.execute_wrapper(note_locks):
        assert flow.api.put(f"/executions/{waiting['id']}", {"status": "running", "input": LARGE}).status_code == 200
    assert steps[:2] == ["stored", "locked"]


def test_a_full_disk(flow: FlowRunner, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = run(flow, [{"wait_for_input": {"info": {}}}], {})
    real = FileSystemStorage._save

    def half(storage: FileSystemStorage, name: str, content: Any) -> str:
        real(storage, name, ContentFile(content.read(content.size // 2)))
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(FileSystemStorage, "_save", half)
        answer = flow.api.put(f"/executions/{waiting['id']}", {"status": "running", "input": LARGE})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        503,
        "The content cannot be stored now; try again later",
    )
    assert not stored(folder)
    assert flow.resume(waiting["id"], LARGE)["output"] == LARGE


def test_a_content_that_is_gone_takes_nothing_else_with_it(flow: FlowRunner, folder: Path) -> None:
    task = flow.create({"main": [{"evaluate": {"t": "$ _.text * 2"}}, {"evaluate": {"n": "$ 1"}}]}).json()["id"]
    broken, whole = flow.start(task, LARGE)["id"], flow.start(task, LARGE)["id"]
    for path in folder.rglob(f"*{broken}/*"):
        path.unlink()
    gone = {"$omitted": "the stored content cannot be read"}

    listed = flow.api.get(f"/tasks/{task}/executions").json()["items"]
    assert [(row["id"], row["input"]) for row in listed] == [(whole, LARGE), (broken, gone)]
    assert [row["output"] for row in flow.log(broken)] == [gone, gone, {"n": 1}]
    alone = flow.api.get(f"/executions/{broken}")
    assert (alone.status_code, alone.json()["error"]["message"]) == (503, "A stored content cannot be read")
    rows = flow.log(broken)
    assert [flow.api.get(f"/executions/{broken}/transitions/{row['id']}").status_code for row in rows] == [
        503,
        503,
        200,
    ]


def test_a_page_reads_no_more_than_so_much(flow: FlowRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(flow, [{"evaluate": {"t": "$ _.text * 2"}}], LARGE)
    monkeypatch.setattr(selectors, "LARGEST_PAGE_BYTES", 3000)
    too_much = {"$omitted": "the contents of this page are too large together; get this one alone"}
    log = flow.log(ended["id"])
    assert [row["output"] for row in log] == [LARGE, too_much]
    alone = flow.api.get(f"/executions/{ended['id']}/transitions/{log[1]['id']}").json()
    assert alone["output"] == ended["output"]


def test_a_run_with_a_content_that_is_gone_can_be_cancelled_and_followed(
    flow: FlowRunner, folder: Path, admin_client: Client
) -> None:
    waiting = run(flow, [{"wait_for_input": {"info": {}}}], LARGE)["id"]
    for path in stored(folder):
        path.unlink()
    for page in ("execution", "branch", "transition"):
        assert admin_client.get(f"/admin/executions/{page}/").status_code == 200
    assert flow.api.get(f"/executions/{waiting}/transitions").status_code == 200
    flow.api.put(f"/executions/{waiting}", {"status": "cancelled"})
    assert Execution.objects.values_list("status", flat=True).get(pk=waiting) == "cancelled"


def test_pruning_goes_on_until_nothing_is_left(db: None) -> None:
    Blob.objects.bulk_create(
        Blob(name=f"blobs/gone/{number}", execution_id=uuid4(), created_at="2020-01-01T00:00:00Z")
        for number in range(600)
    )
    assert prune_blobs() == 600
    assert not Blob.objects.exists()


def test_what_cannot_be_removed_is_tried_next_time(db: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        Blob.objects.create(name=f"blobs/gone/{number}", execution_id=uuid4(), created_at="2020-01-01T00:00:00Z")

    def stuck(storage: FileSystemStorage, name: str) -> None:
        if name.endswith("0"):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(FileSystemStorage, "delete", stuck)
    assert prune_blobs() == 1
    assert [blob.name for blob in Blob.objects.all()] == ["blobs/gone/0"]
