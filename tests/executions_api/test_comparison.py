"""Runs are put beside each other."""

from typing import Any

from executions.comparing import alignment
from executions.models import Execution
from tests.executions_api.conftest import MISSING
from tests.executions_api.forking import Forking, row_of
from tests.executions_api.retrying import MENDED, Json


def compared(forking: Forking, **query: Any) -> Json:
    answer = forking.flow.api.get("/executions/comparison", query)
    assert answer.status_code == 200, answer.json()
    told: Json = answer.json()
    return told


def test_the_variants_of_a_fork(forking: Forking, said: Json) -> None:
    body = {"from": row_of(forking, said, "ask")}
    runs = forking.runs(said, {"name": "as it was"}, {"name": "sing", "prompt": "Sing"}, {"output": "no"}, **body)
    told = compared(forking, fork_id=runs[0]["fork"]["id"])

    assert [run["id"] for run in told["runs"]] == [said["id"], *(run["id"] for run in runs)]
    assert [run["output"]["said"] for run in told["runs"]] == ["Say 2", "Say 2", "Sing", "no"]
    assert [run["is_same"] for run in told["runs"]] == [True, True, False, False]
    assert [run["name"] for run in told["runs"]] == ["", "as it was", "sing", ""]
    assert [(run["calls"], run["cost"]) for run in told["runs"]] == [(1, 0.0), (1, 0.0), (1, 0.0), (0, None)]
    # The rows that were taken along are told of by their number.
    assert told["shared_transitions"] == 2
    ask, end = told["items"]
    assert (ask["workflow"], ask["step"], ask["step_label"], ask["is_same"]) == ("main", 1, "ask", False)
    assert [(cell["output"], cell["models"], cell["tokens"]) for cell in ask["runs"]] == [
        ("Say 2", ["offline/echo"], 4),
        ("Say 2", ["offline/echo"], 4),
        ("Sing", ["offline/echo"], 2),
        ("no", [], 0),
    ]
    assert [cell["is_same"] for cell in end["runs"]] == [True, True, False, False]
    assert end["runs"][2]["transition_id"] == forking.flow.log(runs[1]["id"])[-1]["id"]


def test_turns_and_failures_are_put_where_they_belong(forking: Forking, monkeypatch: Any) -> None:
    turn = [{"workflow": "sub", "arguments": {"n": "$ _"}}, {"evaluate": "$ 6 / _"}]
    main = [{"foreach": {"in": "$ _.items", "do": turn}}, {"evaluate": "$ sum(_)"}]
    task = forking.retrying.task(main, MENDED, sub=[{"evaluate": "$ _.n"}])
    one, two = (forking.flow.start(task, {"items": items}) for items in ([1, 2, 3], [1, 0]))
    ids = f"{one['id']},{two['id']}"
    told = compared(forking, ids=ids)

    def cells(told: Json) -> list[Any]:
        return [[cell and (cell["error_type"] or cell["output"]) for cell in line["runs"]] for line in told["items"]]

    assert cells(told) == [
        [1, 1], [1, 1], [6.0, 6.0], [2, 0], [2, 0], [3.0, "ZeroDivisionError"],
        [3, None], [3, None], [2.0, None], [[6.0, 3.0, 2.0], None], [11.0, None],
    ]  # fmt: skip
    assert [line["turn"] for line in told["items"] if line["workflow"] == "sub"] == [1, 2, 3]
    pages = [compared(forking, ids=ids, limit=4, offset=offset) for offset in (0, 4, 8)]
    assert [page["next_offset"] for page in pages] == [4, 8, None]
    assert [cell for page in pages for cell in cells(page)] == cells(told)
    assert (told["after"], told["next_after"]) == (0, None)
    monkeypatch.setattr(alignment, "MOST_ROWS", 9)
    parts = [compared(forking, ids=ids)]
    while parts[-1]["next_after"]:
        parts.append(compared(forking, ids=ids, after=parts[-1]["next_after"]))
    assert [part["after"] for part in parts] == [0, 9, 18]
    assert sum(len([cell for line in cells(part) for cell in line if cell is not None]) for part in parts) == 17


def test_large_values_are_known_by_their_digests(forking: Forking, settings: Any) -> None:
    settings.BLOB_STORE_CUTOFF_KB = 8
    main = [{"evaluate": "$ 'x' * _.n"}, {"evaluate": {"is": "$ _"}}]
    task = forking.retrying.task(main, MENDED)
    runs = [forking.flow.start(task, {"n": n}) for n in (20_000, 20_000, 5000, 20_001)]
    told = compared(forking, ids=[run["id"] for run in runs])
    assert [[cell["is_same"] for cell in line["runs"]] for line in told["items"]] == [[True, True, False, False]] * 2
    assert [run["output"]["$omitted"] for run in told["runs"]][2] == "5010 bytes; get it by itself"
    assert told["runs"][2]["output"]["beginning"].startswith('{"is": "xxx')
    # Where a value lies is nobody's concern.
    assert told["runs"][0]["output"]["beginning"] == "" and "$blob" not in str(told)
    assert len(str(told)) < 20_000


def test_what_cannot_be_compared(forking: Forking, said: Json, foreign_execution: Execution) -> None:
    def refusal(**query: Any) -> int:
        return int(forking.flow.api.get("/executions/comparison", query).status_code)

    assert refusal() == refusal(ids=said["id"]) == refusal(ids=[said["id"], said["id"]]) == 400
    assert refusal(ids=",".join([said["id"], *(f"{MISSING[:-1]}{n}" for n in range(6))])) == 400
    assert refusal(ids="nonsense") == 422
    for other in (MISSING, foreign_execution.pk):
        assert refusal(ids=f"{said['id']},{other}") == refusal(fork_id=other) == 404
