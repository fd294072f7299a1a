"""Runs that have ended are done again in several ways at once."""

from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from executions.models import Blob, Execution
from tests.executions_api.conftest import MISSING
from tests.executions_api.forking import ASK, MAIN, Forking, row_of
from tests.executions_api.retrying import BROKEN, MENDED, PAY, Json


def test_inputs_outputs_prompts_and_settings(forking: Forking, said: Json) -> None:
    runs = forking.runs(
        said,
        {"name": "as it was"},
        {"input": {"n": 7}},
        {"output": "nothing"},
        {"prompt": "$ f'Tell {_.n}'"},
        {"settings": {"response_format": {"type": "json_object"}}},
        {"prompt": [{"role": "user", "content": "Sing"}], "output": "hush"},
        **{"from": row_of(forking, said, "ask")},
    )
    said_by = [run["output"]["said"] for run in runs]
    assert said_by == ["Say 2", "Say 7", "nothing", "Tell 2", '{"text": "Say 2"}', "hush"]
    assert [run["fork"]["edited"] for run in runs] == [
        [], ["input"], ["output"], ["prompt"], ["settings"], ["output", "prompt"],
    ]  # fmt: skip
    given = next(row for row in forking.flow.log(runs[2]["id"]) if row["step_label"] == "ask")
    assert (given["output"], given["metadata"]["given_by"]["kind"]) == ("nothing", "internal")
    assert runs[0]["overrides"] == []
    assert runs[3]["overrides"] == [{"step": "main[1]", "step_label": "ask", "prompt": "$ f'Tell {_.n}'"}]


def test_an_override_is_of_the_run_and_of_those_that_do_it_again(forking: Forking, said: Json) -> None:
    with scripted_model([lambda asked: f"{asked.model} {asked.messages[0]['content']}"] * 4) as model:
        [run] = forking.runs(said, {"step": "ask", "model": "offline/other"}, **{"from": "start"})
        assert run["output"] == {"said": "offline/other Say 2"}
        again = forking.retrying.again(run, **{"from": "start"})
        assert (again["output"], again["fork"], again["overrides"]) == (run["output"], None, run["overrides"])
        [further] = forking.runs(again, {"step": "main[1]", "prompt": "Sing"}, **{"from": "start"})
        assert further["output"] == {"said": "offline/other Sing"}
        newest = forking.retrying.again(further, **{"from": "start", "version": "latest"})
        assert newest["output"] == {"said": "offline/other Sing"}
    assert model.unused == 0


def test_wherever_the_step_runs(forking: Forking) -> None:
    each = {"foreach": {"in": "$ _.names", "do": [{**ASK, "prompt": "$ _"}]}}
    ask = [{"if": "$ True", "then": [{"workflow": "sub", "arguments": {"names": "$ _.names"}}]}]
    run = forking.retrying.run([*ask, {"evaluate": "$ _"}], MENDED, input={"names": ["a", "b"]}, sub=[each])
    assert run["output"] == ["a", "b"]
    row = row_of(forking, run, "ask")
    whole, half = forking.runs(run, {"step": row, "prompt": "$ _ + '!'"}, {}, **{"from": "start"})
    assert (whole["output"], half["output"]) == (["a!", "b!"], ["a", "b"])
    assert whole["overrides"][0]["step"] == "sub[0].do[0]"
    later = [row["id"] for row in forking.flow.log(run["id"]) if row["step_label"] == "ask"][1]
    assert forking.runs(run, {"prompt": "$ _ + '!'"}, **{"from": later})[0]["output"] == ["a", "b!"]


def test_an_answer_instead_of_what_failed(forking: Forking) -> None:
    pay = [{"evaluate": "$ _ * 10"}, PAY, {"evaluate": "$ _.json.paid"}]
    main = [{"over": "$ _.items", "map": pay, "parallelism": 1}, {"set": {"all": "$ _"}}, {"get": "all"}]
    run = forking.retrying.run(main, MENDED, BROKEN, MENDED, input={"items": [1, 2, 3]})
    told = forking.ask(run, {"output": {"json": {"paid": "by hand"}}}, {}, query={"preview": "true"}).json()
    assert [[(each["step_label"], each["times"]) for each in one["again"]] for one in told["variants"]] == [
        [],
        [("charge", 1)],
    ]
    [new] = forking.runs(run, {"output": {"json": {"paid": "by hand"}}})
    assert (new["status"], new["output"]) == ("succeeded", [True, "by hand", True])
    assert forking.retrying.calls == [10, 20, 30]
    stored = next(row["id"] for row in forking.flow.log(new["id"]) if row["metadata"].get("step_type") == "SetStep")
    [other] = forking.runs(new, {"output": {"all": "others"}}, **{"from": stored})
    assert other["output"] == "others"


def test_what_cannot_be_forked_into(forking: Forking, said: Json, foreign_execution: Execution) -> None:
    ask = {"from": row_of(forking, said, "ask")}
    first = {"from": forking.flow.log(said["id"])[1]["id"]}
    refused: list[tuple[tuple[Any, ...], Json, tuple[int, Any]]] = [
        ((), ask, (422, ["variants"])),
        (({},) * 21, ask, (422, ["variants"])),
        (({"name": "n" * 2**20},), ask, (422, ["variants[0].name"])),
        (({}, {"prompt": 1}), ask, (422, ["variants[1].prompt"])),
        (({"prompt": "x" * 2**17},), ask, (422, ["variants[0].prompt"])),
        (({"step": "nowhere", "prompt": "x"},), ask, (422, ["variants[0].step"])),
        (({"step": MISSING, "prompt": "x"},), ask, (422, ["variants[0].step"])),
        (({"prompt": "x"},), first, (422, ["variants[0].step"])),
        (({"step": "ask"},), ask, (422, ["variants[0].step"])),
        (({"input": {}, "output": 1},), ask, (422, ["variants[0].output"])),
        (({"prompt": "$ nothing_known"},), ask, (400, "http_400")),
        (({"model": "https://evil.example/m"},), ask, (400, "http_400")),
        (({"settings": {"response_format": "free"}},), ask, (422, ["variants[0].settings.response_format"])),
        (({"output": 1},), {"from": "start"}, (400, "http_400")),
        (({"output": 1},), {"from": forking.flow.log(said["id"])[0]["id"]}, (400, "http_400")),
        (({},), {}, (409, "execution_not_retryable")),
        (({"input": [1]},), {"from": "start"}, (400, "http_400")),
        (({},), {"from": MISSING}, (404, "http_404")),
    ]
    for variants, body, expected in refused:
        assert forking.refusal(said, *variants, **body) == expected, variants
    for other in (MISSING, str(foreign_execution.pk)):
        assert forking.refusal({"id": other}, {}, **{"from": "start"}) == (404, "http_404")
    row = foreign_execution.transitions.create(
        branch=foreign_execution.branches.first(), seq=1, type="init", current={}, scope=MISSING,
        created_at=foreign_execution.created_at,
    )  # fmt: skip
    assert forking.refusal(said, {"step": str(row.pk), "prompt": "x"}, **ask) == (422, ["variants[0].step"])
    assert forking.refusal(said, {}, **{"from": str(row.pk)}) == (404, "http_404")


def test_all_variants_or_none(forking: Forking, said: Json, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MODELS = ["offline/echo"]
    body = {"from": row_of(forking, said, "ask")}
    assert forking.refusal(said, {}, {"model": "offline/other"}, **body) == (400, "http_400")
    monkeypatch.setattr("executions.retrying.forking.MOST_TRANSITIONS", 5)
    assert forking.refusal(said, {}, {}, {}, **body) == (400, "too_many_transitions")
    monkeypatch.undo()
    task = f"/agents/{forking.flow.api.get('/tasks/' + said['task_id']).json()['agent_id']}/tasks/{said['task_id']}"
    assert forking.flow.api.patch(task, {"input_schema": {"type": "object", "required": ["n"]}}).status_code == 200
    newest = {"from": "start", "version": "latest"}
    assert forking.refusal(said, {"input": {"n": 3}}, {"input": {}}, **newest) == (400, "http_400")
    path = f"/executions/{said['id']}/fork"
    sent = {"from": "start", "variants": [{}, {}]}
    answers = [forking.flow.api.send("POST", path, sent, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert Execution.objects.filter(fork_id=answers[0].json()["id"]).count() == 2
    assert forking.flow.api.patch(task, {"main": MAIN[:1]}).status_code == 200
    [edited] = forking.runs(said, {"step": "ask", "prompt": "Sing"}, **{"from": "start"})
    assert forking.refusal(edited, {}, **newest) == (409, "execution_not_retryable")
    assert forking.flow.api.delete(task).status_code == 202
    assert forking.refusal(said, {}, **{"from": "start"}) == (404, "http_404")


def test_a_run_whose_content_is_gone(forking: Forking, settings: Any) -> None:
    settings.BLOB_STORE_CUTOFF_KB = 1
    run = forking.retrying.run([{"evaluate": "$ 'x' * 5000"}, {"evaluate": "$ 1 / 0"}], MENDED)
    Blob.objects.all().delete()
    assert forking.refusal(run, {}, {"output": 1}) == (409, "execution_not_retryable")
