"""Large values of runs: read like any other, kept in the file storage, gone with their run."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from executions.blobs import prune_blobs
from executions.models import Blob
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
