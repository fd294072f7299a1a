"""Runs that have ended are done again, from some point on, by a new run."""

from typing import Any
from uuid import UUID

from agents.retention.pace import Pace
from executions.models import Blob, Branch, Execution, LoopItem
from executions.removal.expiry import remove_runs
from julep_project.devservices.loopback import Reply
from tests.api_client import ApiClient
from tests.executions_api.conftest import MISSING
from tests.executions_api.retrying import BROKEN, MENDED, PAY, Json, Retrying


def test_the_steps_before_the_failure_are_taken_along(retrying: Retrying) -> None:
    main = [
        {"set": {"seen": "$ _.n"}},
        {"evaluate": {"n": "$ _.seen + 1"}, "label": "first"},
        {"evaluate": "$ _.n"},
        PAY,
        {"evaluate": {"paid": "$ _.json.paid", "first": "$ steps['first'].output.n", "seen": "$ state.seen"}},
    ]
    run = retrying.run(main, BROKEN, MENDED, input={"n": 1})
    assert run["status"] == "failed"

    told = retrying.preview(run)
    new = retrying.again(run)

    assert (new["status"], new["output"]) == ("succeeded", {"paid": True, "first": 2, "seen": 1})
    assert retrying.calls == [2, 2]
    assert retrying.types(run) == ["init", "step", "step", "step", "error"]
    assert retrying.types(new) == ["init", "step", "step", "step", "step", "finish"]
    copied = [(row["current"], row["output"], row["created_at"]) for row in retrying.flow.log(new["id"])[:4]]
    assert copied == [(row["current"], row["output"], row["created_at"]) for row in retrying.flow.log(run["id"])[:4]]
    assert told["copied_transitions"] == 4
    assert told["again"] == [
        {
            "step": "main[3]",
            "step_label": "charge",
            "kind": "tool_call",
            "tools": ["pay"],
            "at_most_once": False,
            "times": 1,
        }
    ]


MAP: Json = {"over": "$ _.items", "map": [{"evaluate": "$ _ * 10"}, PAY, {"evaluate": "$ _.json.paid"}]}


def test_finished_items_of_a_map_are_kept(retrying: Retrying) -> None:
    main = [{**MAP, "parallelism": 1}, {"evaluate": {"all": "$ _"}}]
    run = retrying.run(main, MENDED, BROKEN, MENDED, input={"items": [1, 2, 3]})
    assert (run["status"], retrying.calls) == ("failed", [10, 20])

    new = retrying.again(run)

    assert (new["status"], new["output"]) == ("succeeded", {"all": [True, True, True]})
    assert retrying.calls == [10, 20, 20, 30]


def test_maps_in_maps_and_in_parallel_arms(retrying: Retrying) -> None:
    inner = {"over": "$ _", "map": [PAY, {"evaluate": "$ _.json.paid"}], "parallelism": 1}
    main = [
        {"parallel": [[{"over": "$ [[1], [2, 3]]", "map": [inner], "parallelism": 1}], [{"evaluate": "$ 'side'"}]]},
        {"evaluate": {"all": "$ _"}},
    ]
    run = retrying.run(main, MENDED, MENDED, BROKEN, MENDED)
    assert (run["status"], retrying.calls) == ("failed", [1, 2, 3])

    new = retrying.again(run)

    assert (new["status"], new["output"]) == ("succeeded", {"all": [[[True], [True, True]], "side"]})
    assert retrying.calls == [1, 2, 3, 3]


def test_loops_go_on_at_their_turn(retrying: Retrying) -> None:
    main = [
        {"foreach": {"in": "$ [1, 2, 3]", "do": [PAY, {"evaluate": "$ _.json.paid"}]}},
        {"evaluate": {"n": "$ 0", "turns": "$ _"}},
    ]
    run = retrying.run(main, MENDED, BROKEN, MENDED)
    assert (run["status"], retrying.calls) == ("failed", [1, 2])

    new = retrying.again(run)

    assert (new["status"], new["output"]) == ("succeeded", {"n": 0, "turns": [True, True, True]})
    assert retrying.calls == [1, 2, 2, 3]


def test_a_while_goes_on_with_what_its_last_turn_gave(retrying: Retrying) -> None:
    turn = [{"evaluate": "$ _.n"}, PAY, {"evaluate": {"n": "$ _.json.n"}}]
    answers = [Reply(200, {"n": 1}), Reply(200, {"n": 2}), BROKEN, Reply(200, {"n": 3})]
    run = retrying.run([{"while": "$ _.n < 3", "do": turn}], *answers, input={"n": 0})
    assert (run["status"], retrying.calls) == ("failed", [0, 1, 2])

    new = retrying.again(run)

    assert (new["status"], new["output"], retrying.calls) == ("succeeded", {"n": 3}, [0, 1, 2, 2])


def test_workflows_that_call_each_other_branches_and_cases(retrying: Retrying) -> None:
    pay = [
        {"evaluate": "$ _.n + 1"},
        {"switch": [{"case": "$ _ == 0", "then": [{"evaluate": "$ 1"}]}, {"case": "_", "then": [PAY]}]},
        {"evaluate": {"paid": "$ _.json.paid", "n": "$ outputs[0]", "given": "$ inputs[0].n"}},
    ]
    middle = [{"if": "$ _.n > 1", "then": [{"workflow": "pay", "arguments": {"n": "$ _.n * 2"}}]}]
    main = [
        {"workflow": "middle", "arguments": {"n": "$ _.n"}},
        {"evaluate": {"end": "$ _", "first": "$ inputs[0].n"}},
    ]
    run = retrying.run(main, BROKEN, MENDED, input={"n": 5}, middle=middle, pay=pay)
    assert (run["status"], retrying.calls) == ("failed", [11])

    new = retrying.again(run)

    assert new["output"] == {"end": {"paid": True, "n": 11, "given": 10}, "first": 5}
    assert retrying.calls == [11, 11]


def test_a_failure_in_a_try_after_one_that_was_caught(retrying: Retrying) -> None:
    main = [
        {
            "try": [{"evaluate": "$ 1"}, {"error": "on purpose"}],
            "catch": [{"evaluate": "$ 2"}, PAY, {"evaluate": {"paid": "$ _.json.paid"}}],
            "finally": [{"log": "done"}],
        },
        {"evaluate": {"end": "$ _"}},
    ]
    # A failure in `catch` is heard of too, because of `finally`: the run fails after it.
    run = retrying.run([*main[:1], PAY], MENDED, BROKEN, MENDED)
    assert (run["status"], retrying.calls[0]) == ("failed", 2)

    new = retrying.again(run)

    assert new["status"] == "succeeded"
    assert len(retrying.calls) == 3


def test_what_a_catch_stood_at(retrying: Retrying) -> None:
    caught = [
        {"evaluate": {"n": "$ error.message"}},
        {"wait_for_input": {"info": "$ _.n"}},
        {"evaluate": "$ error.type"},
    ]
    main = [{"parallel": [[{"try": [{"error": "boom"}], "catch": caught}], [{"wait_for_input": {"info": "x"}}]]}]
    run = retrying.run(main, MENDED)
    assert run["status"] == "awaiting_input"
    retrying.flow.cancel(run["id"])

    new = retrying.again(run)

    assert new["status"] == "awaiting_input"
    shown = [row["output"] for row in retrying.flow.log(new["id"]) if row["type"] == "wait"]
    assert sorted(map(str, shown)) == ["boom", "x"]
    retrying.flow.resume_wait(new["id"], "x", 1)
    assert retrying.flow.resume(new["id"], None)["output"] == ["error", 1]


def test_from_a_transition_with_another_input(retrying: Retrying) -> None:
    main = [{"evaluate": {"n": "$ _.n + 1"}}, {"evaluate": {"n": "$ _.n * 10"}}, {"evaluate": {"n": "$ _.n + 3"}}]
    run = retrying.run(main, MENDED, input={"n": 1})
    assert run["output"] == {"n": 23}
    log = retrying.flow.log(run["id"])

    assert retrying.again(run, **{"from": log[2]["id"]})["output"] == {"n": 23}
    assert retrying.again(run, **{"from": log[2]["id"], "input": {"n": 5}})["output"] == {"n": 53}
    assert retrying.again(run, **{"from": log[3]["id"], "input": {"n": 5}})["output"] == {"n": 8}
    assert retrying.again(run, **{"from": log[0]["id"]})["output"] == {"n": 23}
    assert retrying.again(run, **{"from": "start", "input": {"n": 2}})["output"] == {"n": 33}


def test_from_an_item_of_a_map_that_ended(retrying: Retrying) -> None:
    run = retrying.run([MAP, {"evaluate": {"all": "$ _"}}], MENDED, input={"items": [1, 2, 3]})
    assert run["output"] == {"all": [True, True, True]}
    paid = [row for row in retrying.flow.log(run["id"]) if row["step_label"] == "charge"]
    retrying.web.script("/pay", Reply(200, {"paid": "again"}))

    new = retrying.again(run, **{"from": paid[1]["id"]})

    assert sorted(map(str, new["output"]["all"])) == ["True", "True", "again"]
    assert len(retrying.calls) == 4


def test_what_must_not_be_repeated_is_asked_about(retrying: Retrying) -> None:
    run = retrying.run([{"evaluate": "$ 1"}, PAY, {"evaluate": "$ 1 / 0"}], MENDED, once=True)
    assert run["status"] == "failed"
    paid = next(row for row in retrying.flow.log(run["id"]) if row["step_label"] == "charge")

    assert retrying.preview(run)["needs_confirmation"] is False
    assert retrying.preview(run, **{"from": paid["id"]})["needs_confirmation"] is True
    refused = retrying.ask(run, **{"from": paid["id"]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "confirmation_needed")
    assert refused.json()["error"]["again"][0]["tools"] == ["pay"]
    assert len(retrying.calls) == 1

    retrying.again(run, **{"from": paid["id"], "repeat_at_most_once": True})
    assert len(retrying.calls) == 2


def test_the_newest_version_mends_the_step_that_failed(retrying: Retrying) -> None:
    main = [{"evaluate": {"n": "$ 0"}}, {"evaluate": "$ 1 / _.n"}]
    run = retrying.run(main, MENDED)
    agent = retrying.flow.api.get(f"/tasks/{run['task_id']}").json()["agent_id"]
    path = f"/agents/{agent}/tasks/{run['task_id']}"
    mended = [main[0], {"evaluate": "$ _.n"}]
    assert retrying.flow.api.patch(path, {"main": mended}).status_code == 200

    told = retrying.preview(run, version="latest")["version"]
    assert told == {"pinned": 1, "used": 2, "changed_steps": ["main[1]"], "changed_count": 1}
    assert retrying.again(run, version="latest")["output"] == 0
    assert retrying.again(run)["status"] == "failed"
    # A step that has come before the ones that were done: nobody can tell what was done then.
    assert retrying.flow.api.patch(path, {"main": [{"log": "new"}, *mended]}).status_code == 200
    assert "another one in this version" in _lost(retrying, run, at="main[0]")["error"]
    assert retrying.flow.api.patch(path, {"main": main[:1]}).status_code == 200
    assert "no step main[1]" in _lost(retrying, run, at="main[1]")["error"]


def _lost(retrying: Retrying, run: Json, *, at: str) -> Json:
    """A retry that could not find its place. It is found by its fault as any other that has failed."""
    new = retrying.again(run, version="latest")
    row = Execution.objects.get(pk=new["id"])
    assert (new["status"], row.error_type, row.error_step) == ("failed", "CannotGoOn", at)
    found = retrying.flow.api.get("/executions", {"error_hash": row.error_hash}).json()["items"]
    assert [item["id"] for item in found] == [new["id"]]
    return new


def test_what_cannot_be_retried(retrying: Retrying, foreign_execution: Execution) -> None:
    run = retrying.run([{"wait_for_input": {"info": "?"}}], MENDED)

    def refusal(**body: Any) -> tuple[int, str]:
        answer = retrying.ask(run, **body)
        return answer.status_code, answer.json()["error"]["code"]

    assert refusal() == (409, "execution_still_running")
    done = retrying.flow.resume(run["id"], 1)
    assert refusal() == (409, "execution_not_retryable")
    assert refusal(**{"from": MISSING})[0] == 404
    assert refusal(**{"from": "nonsense"})[0] == 422
    assert refusal(version="old")[0] == 422
    for other in (MISSING, str(foreign_execution.pk)):
        assert retrying.ask({"id": other}).status_code == 404
    api = retrying.flow.api
    agent = api.get(f"/tasks/{done['task_id']}").json()["agent_id"]
    assert api.delete(f"/agents/{agent}/tasks/{done['task_id']}").status_code == 202
    assert refusal(**{"from": "start"})[0] == 404


def test_a_retry_that_is_sent_twice_is_one(retrying: Retrying) -> None:
    run = retrying.run([{"evaluate": "$ 1"}, {"error": "no"}], MENDED)
    path = f"/executions/{run['id']}/retry"
    answers = [retrying.flow.api.send("POST", path, {}, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert Execution.objects.filter(retried_from=run["id"]).count() == 1


def test_contents_stay_while_a_retry_refers_to_them(retrying: Retrying, settings: Any) -> None:
    settings.BLOB_STORE_CUTOFF_KB = 1
    main = [{"evaluate": {"long": "$ 'x' * 5000"}}, {"evaluate": "$ 1"}, PAY, {"evaluate": "$ len(outputs[0].long)"}]
    run = retrying.run(main, BROKEN, BROKEN, MENDED)
    second = retrying.again(run)
    assert second["status"] == "failed"
    api = retrying.flow.api
    assert api.get(f"/executions/{second['id']}/transitions", {"direction": "asc"}).json()["items"][1]["output"]

    remove_runs([UUID(run["id"])], Pace())
    third = retrying.again(second)

    assert (third["status"], third["output"]) == ("succeeded", 5000)
    remove_runs([UUID(second["id"])], Pace())
    shown = api.get(f"/executions/{third['id']}/transitions", {"direction": "asc"}).json()["items"][1]["output"]
    assert shown == {"long": "x" * 5000}
    remove_runs([UUID(third["id"])], Pace())
    assert not Blob.objects.filter(content=None).exists()


def test_a_run_whose_content_is_gone(retrying: Retrying, settings: Any) -> None:
    settings.BLOB_STORE_CUTOFF_KB = 1
    run = retrying.run([{"evaluate": "$ 'x' * 5000"}, {"evaluate": "$ 1 / 0"}], MENDED)
    Blob.objects.all().delete()
    answer = retrying.ask(run)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "execution_not_retryable")


def test_what_only_looks_like_a_reference_is_none(retrying: Retrying) -> None:
    run = retrying.run(
        [{"evaluate": {"$blob": "$ 1", "a": "$ 2"}}, {"evaluate": "$ ['$blob']"}, {"error": "no"}], MENDED
    )
    assert retrying.again(run)["error"] == "no"


def test_branches_of_a_retry_are_counted(retrying: Retrying) -> None:
    run = retrying.run([{**MAP, "parallelism": 2}], BROKEN, MENDED, input={"items": [1, 2, 3, 4]})
    new = retrying.again(run)
    assert new["status"] == "succeeded"
    row = Execution.objects.get(pk=new["id"])
    assert (row.runnable, row.open_waits) == (0, 0)
    assert not Branch.objects.filter(execution=row).exclude(status="done").exists()


def test_the_next_item_finds_its_place_too(retrying: Retrying) -> None:
    """Also when the message that ended the one before goes on with it."""
    arms = [[{"evaluate": "$ 1"}], [{"evaluate": "$ 2"}, {"wait_for_input": {"info": "?"}}]]
    run = retrying.run([{"parallel": arms}, {"evaluate": "$ len(_)"}], MENDED)
    retrying.flow.cancel(run["id"])
    first, second = (next(row for row in retrying.flow.log(run["id"]) if row["output"] == n) for n in (1, 2))

    new = retrying.again(run, **{"from": first["id"]})

    assert new["status"] == "awaiting_input"
    found = [row for row in retrying.flow.log(new["id"]) if row["current"] == second["current"]]
    assert [row["type"] for row in found] == ["init_branch", "step"]
    assert retrying.flow.resume(new["id"], None)["output"] == 2


def test_strangers_learn_nothing(api: ApiClient) -> None:
    assert ApiClient("wrong").post(f"/executions/{MISSING}/retry", {}).status_code == 403


def test_arms_that_were_left_by_a_return_are_begun_again(retrying: Retrying) -> None:
    arms = [[{"evaluate": "$ 1"}, {"evaluate": "$ 2"}], [{"if": "$ True", "then": [{"return": "$ 'early'"}]}]]
    main = [{"try": [{"parallel": arms}], "finally": [{"log": "tidy"}]}, {"evaluate": "$ 'never'"}]
    run = retrying.run(main, MENDED)
    assert run["output"] == "early"
    log = retrying.flow.log(run["id"])
    chosen = [
        row for row in log if "parallel[0]" in row["current"]["workflow"] or "finally" in row["current"]["workflow"]
    ]
    assert len(chosen) > 2
    for row in chosen:
        assert retrying.again(run, **{"from": row["id"]})["output"] == "early", row


def test_a_place_that_is_far_is_come_to_in_many_slices(retrying: Retrying, settings: Any) -> None:
    """None is longer than others, each goes on where the one before ended, and the run is the same."""
    turn = [{"evaluate": "$ _ * 2"}, {"if": "$ _ == 398", "then": [PAY], "else": [{"evaluate": "$ _"}]}]
    main = [{"foreach": {"in": "$ list(range(200))", "do": turn}}, {"evaluate": "$ len(_)"}]
    run = retrying.run(main, BROKEN, MENDED, MENDED)
    assert run["status"] == "failed"

    def claims() -> int:
        new = retrying.again(run)
        assert (new["status"], new["output"]) == ("succeeded", 200)
        return int(Branch.objects.get(execution=new["id"]).version)

    at_once = claims()
    settings.SLICE_STEPS = 1
    places = 200 * 4
    assert claims() - at_once >= places // 20
    assert LoopItem.objects.count() == 3 * 200
