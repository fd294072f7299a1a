"""Waits that several people have to answer."""

from typing import Any

import pytest

from agents.access.models import ApiKey
from agents.audit.models import AuditRecord
from agents.tools.errors import ToolError
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from executions.engine.advance import advance_branch
from executions.models import Branch, Execution, Transition
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.clock import now
from tests.api_client import ApiClient
from tests.at_once import statuses_at_once
from tests.executions_api.conftest import tokens
from tests.flow_runner import FlowRunner

Json = dict[str, Any]


class Panel:
    """A run that waits for several people, and these people."""

    def __init__(self, flow: FlowRunner, capture: Any) -> None:
        self.flow, self._capture = flow, capture
        self.keys = {name: ApiClient(key=self._key(name)) for name in ("anna", "ben", "cleo")}

    def _key(self, label: str) -> str:
        return str(self.flow.api.post("/api_keys", {"label": label}).json()["key"])

    def start(self, quorum: Any, *after: Json, timed_out: Json | None = None, **asked: Any) -> Json:
        wait: Json = {"wait_for_input": {"info": {"q": "Refund?", **asked.pop("info", {})}, "quorum": quorum, **asked}}
        if timed_out is not None:
            wait["timed_out"] = timed_out
        created = self.flow.create({"main": [{**wait, "label": "ask"}, *after]})
        assert created.status_code == 201, created.json()
        return self.flow.start(created.json()["id"], {})

    def answer(self, run: Json, who: str, value: Any) -> Any:
        (token,) = tokens(self.flow, run["id"])
        with self._capture(execute=True):
            return self.keys[who].post("/executions/resume", {"task_token": token, "input": value})

    def settled(self, run: Json, **answers: Any) -> Json:
        for who, value in answers.items():
            answer = self.answer(run, who, value)
            assert answer.status_code == 200, answer.json()
        return self.flow.settle(run["id"])

    def again(self, run: Json, point: Json) -> Json:
        """The run that tries it again."""
        with self._capture(execute=True):
            retried = self.flow.api.post(f"/executions/{run['id']}/retry", point)
        return self.flow.settle(retried.json()["id"])

    def progress(self, run: Json) -> tuple[str, str | None, Json]:
        """What the run and the row of its wait tell."""
        told = self.flow.api.get(f"/executions/{run['id']}").json()
        (wait,) = (row for row in self.flow.log(run["id"]) if row["type"] == "wait")
        alone = self.flow.api.get(f"/executions/{run['id']}/transitions/{wait['id']}").json()
        assert alone == wait
        return told["status"], told.get("status_detail"), wait["metadata"]["quorum"]


@pytest.fixture
def panel(flow: FlowRunner, django_capture_on_commit_callbacks: Any) -> Panel:
    return Panel(flow, django_capture_on_commit_callbacks)


def test_each_of_several_people_answers_once(panel: Panel) -> None:
    run = panel.start(3, {"evaluate": "$ [[one.by.name, one.answer] for one in _]"})
    assert panel.progress(run) == ("awaiting_input", "ask: 0 of 3 answered", {"needed": 3, "answered": 0})

    panel.settled(run, anna=1, ben=[2])
    assert panel.progress(run) == ("awaiting_input", "ask: 2 of 3 answered", {"needed": 3, "answered": 2})
    again = panel.answer(run, "anna", 5)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "answered_already")
    assert panel.progress(run)[2]["answered"] == 2

    done = panel.settled(run, cleo={"n": 3})
    assert (done["status"], done["output"]) == ("succeeded", [["anna", 1], ["ben", [2]], ["cleo", {"n": 3}]])
    log = panel.flow.log(run["id"])
    assert [row["type"] for row in log] == ["init", "wait", "resume", "resume", "resume", "step", "finish"]
    answered = [row for row in log if row["type"] == "resume"]
    assert [row["metadata"]["resumed_by"]["name"] for row in answered] == ["anna", "ben", "cleo"]
    given = log[5]["output"]
    assert [one["at"] for one in given] == [row["created_at"] for row in answered]
    assert set(given[0]) == {"answer", "by", "at"}
    audited = AuditRecord.objects.filter(verb="resume", object_id=run["id"])
    assert sorted(audited.values_list("actor_label", flat=True)) == ["anna", "ben", "cleo"]
    late = panel.answer(run, "anna", 1)
    assert late.status_code == 400


@pytest.mark.parametrize(
    ("quorum", "answers", "approved"),
    [
        ({"approve": 2}, [True, True], True),
        ({"approve": 2}, [True, False, True], True),
        # Of three nobody is left who could approve after two denials.
        ({"approve": 2}, [False, True, False], False),
        ({"approve": 2, "deny": 1}, [True, False], False),
        ({"approve": 3, "deny": 9}, [True, False], False),
        ({"approve": 1, "deny": 3}, [False, False, False], False),
    ],
)
def test_an_approval_ends_when_it_is_decided(panel: Panel, quorum: Json, answers: list[bool], approved: bool) -> None:
    names = ["key:anna", "key:ben", "key:cleo"]
    run = panel.start(quorum, info={"assignees": names})
    *firsts, (last, final) = zip(panel.keys, answers, strict=False)
    for who, value in firsts:
        assert panel.settled(run, **{who: {"approve": value}})["status"] == "awaiting_input"

    done = panel.settled(run, **{last: {"approve": final}})

    assert done["output"]["approved"] is approved
    assert [one["answer"]["approve"] for one in done["output"]["answers"]] == answers


def test_an_answer_has_to_say_whether_it_approves_and_fit_the_schema(panel: Panel) -> None:
    schema = {"type": "object", "properties": {"why": {"type": "string"}}, "required": ["why"]}
    run = panel.start({"approve": 2}, info={"assignees": ["key:anna", "key:ben"], "schema": schema})
    for value, place in (
        ({"approve": "yes", "why": "x"}, "input.approve"),
        ({"why": "x"}, "input.approve"),
        ({"approve": True, "why": 1}, "input.why"),
        (True, "input"),
    ):
        refused = panel.answer(run, "anna", value)
        assert (refused.status_code, refused.json()["error"]["details"][0]["loc"]) == (422, place)
    assert panel.answer(run, "cleo", {"approve": True, "why": "x"}).status_code == 403
    assert panel.progress(run)[1] == "ask: 0 of 2 approved"
    panel.settled(run, ben={"approve": True, "why": "fine"})
    assert panel.progress(run)[1] == "ask: 1 of 2 approved"


def test_what_was_answered_in_time_is_known_afterwards(panel: Panel) -> None:
    panel.flow.time_passes = False
    named = {"evaluate": "$ [one.answer for one in answers]"}
    run = panel.start(2, {"error": "after {_}"}, timeout=60, timed_out=named)
    assert panel.settled(run, anna="yes")["status"] == "awaiting_input"
    panel.flow.time_passes = True
    failed = panel.flow.settle(run["id"])
    assert failed["error"] == "after ['yes']"
    assert panel.answer(run, "ben", "late").status_code == 400

    # What was answered is taken along, and so is where the run went then.
    assert panel.again(run, {})["error"] == "after ['yes']"
    (began,) = (row for row in panel.flow.log(run["id"]) if row["type"] == "init_branch")
    inside = panel.again(run, {"from": began["id"]})
    assert inside["error"] == "after ['yes']"
    copied = Transition.objects.filter(execution=inside["id"], type="resume").get()
    assert copied.metadata["person"].startswith("key:")
    assert panel.progress(inside)[2] == {"needed": 2, "answered": 1}


@pytest.mark.parametrize("asked", [{"quorum": 1}, {"quorum": None, "info": {"assignees": ["key:anna"]}}])
def test_a_tool_is_nobody_whoever_has_it_called(panel: Panel, asked: Json) -> None:
    run = panel.start(asked["quorum"], info=asked.get("info", {}))
    developer = Execution.objects.get(pk=run["id"]).developer
    spec = {"resource": "execution", "operation": "change_status", "resource_id": run["id"]}
    tool = {"name": "answers", "type": "system", "system": spec}
    (key,) = ApiKey.objects.filter(label="anna")
    # As in a chat of hers, whose model calls the tool.
    with acting_as(Actor(ActorKind.KEY, str(key.pk), "anna")), pytest.raises(ToolError, match="A person has to"):
        run_tool(Caller(developer, "k"), WantedCall(tool, {"status": "running", "input": 1}))
    assert panel.flow.settle(run["id"])["status"] == "awaiting_input"
    assert panel.settled(run, anna=1)["status"] == "succeeded"


def test_a_cancelled_wait_takes_no_further_answer(panel: Panel) -> None:
    run = panel.start(2)
    panel.settled(run, anna=1)
    panel.flow.cancel(run["id"])
    refused = panel.answer(run, "ben", 2)
    assert (refused.status_code, refused.json()["error"]["status"]) == (400, "cancelled")


@pytest.mark.django_db(transaction=True)
def test_people_at_once_count_as_many_and_one_twice_as_one(panel: Panel) -> None:
    run = panel.start(4)
    (token,) = tokens(panel.flow, run["id"])
    people = list(panel.keys.values())

    def answer(number: int) -> Any:
        body = {"task_token": token, "input": number}
        return people[number % len(people)].post("/executions/resume", body)

    assert statuses_at_once(answer) == [200] * 3 + [409] * 3

    rows = Transition.objects.filter(execution=run["id"], type="resume").order_by("seq")
    assert [row.metadata["quorum"]["answered"] for row in rows] == [1, 2, 3]
    assert len({row.metadata["person"] for row in rows}) == 3


@pytest.mark.django_db(transaction=True)
def test_an_answer_in_the_moment_of_the_timeout_counts_or_is_refused(panel: Panel) -> None:
    panel.flow.time_passes = False
    run = panel.start(9, timeout=60, on_timeout="$ len(answers)")
    (token,) = tokens(panel.flow, run["id"])
    people = list(panel.keys.values())
    Branch.objects.update(wake_at=now())
    branch_id = Branch.objects.values_list("pk", flat=True).get()
    taken: list[int] = []

    def act(number: int) -> Any:
        if number >= len(people):
            advance_branch(branch_id, owner=str(number))
            return people[0].get(f"/executions/{run['id']}")
        answer = people[number].post("/executions/resume", {"task_token": token, "input": number})
        taken.append(answer.status_code)
        return answer

    assert set(statuses_at_once(act)) <= {200, 400}

    ended = panel.flow.settle(run["id"])
    assert (ended["status"], ended["output"]) == ("succeeded", taken.count(200))
    assert Transition.objects.filter(execution=run["id"], type="resume").count() == taken.count(200)
