"""Another agent as a tool, and tasks as tools of those that talk."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from agents.llm.own.scripted import scripted_model
from agents.models import Developer, ModelUsage
from executions.called import running
from executions.engine.dispatch import dispatching_to
from executions.inprocess import InProcessDispatcher
from executions.models import Branch, Execution
from sessions.agent_tools import bounds
from sessions.chat import tool_rounds
from sessions.models import Session, Turn, TurnStatus
from tests.chat.conftest import Talk, talk
from tests.chat.tools.test_calls import calls as calls_of
from tests.tools.kinds.test_tasks import DOUBLE

__all__ = ["talk"]


def calls(name: str, **arguments: Any) -> dict[str, Any]:
    return calls_of(("c1", name, arguments))


def give(talk: Talk, caller: str, name: str, agent: str, **spec: Any) -> None:
    answer = talk.api.post(
        f"/agents/{caller}/tools", {"name": name, "type": "agent", "agent": {"agent_id": agent, **spec}}
    )
    assert answer.status_code == 201, answer.json()


def helped(talk: Talk, **spec: Any) -> tuple[str, str]:
    """An agent with another as its tool `expert`, and a session with it."""
    expert = talk.agent(name="Grace", about="Knows boats.", model="gpt-4o-mini", instructions=["Be short."])
    caller = talk.agent()
    give(talk, caller, "expert", expert, **spec)
    return expert, talk.session(caller, auto_run_tools=True)


def told(model: Any, request: int) -> Any:
    """What the model of a request was told last."""
    return model.requests[request].messages[-1]["content"]


def own_of(session: str) -> Session:
    """The session in which an agent is asked from another."""
    return Session.objects.get(metadata__called_by__session_id=session)


def test_it_answers_in_a_session_of_its_own_and_remembers(talk: Talk) -> None:
    expert, session = helped(talk)
    script = [calls("expert", message="How long is Ida?"), "Nine metres.", "She has nine metres."]
    with scripted_model(script) as model:
        assert talk.ask(session, "How long is Ida?")["choices"][0]["message"]["content"] == "She has nine metres."
    offered = model.requests[0].tools[0]["function"]
    assert (offered["name"], offered["description"]) == ("expert", "Talk with the agent Grace. Knows boats.")
    assert told(model, 1) == "How long is Ida?" and told(model, 2) == "Nine metres."
    [own] = Session.objects.exclude(pk=session)
    assert own.metadata == {"called_by": {"session_id": session}}
    assert [str(agent) for agent in own.agent_links.values_list("agent", flat=True)] == [expert]

    with scripted_model([calls("expert", message="And Eva?"), "Eight.", "Eight metres."]) as model:
        talk.ask(session, "And Eva?")
    assert [each["content"] for each in model.requests[1].messages[-3:]] == [
        "How long is Ida?",
        "Nine metres.",
        "And Eva?",
    ]


def test_its_session_costs_no_more_than_it_may(talk: Talk) -> None:
    _, session = helped(talk, max_cost=0.5)
    with scripted_model([calls("expert", message="Hi"), "Hello.", "Hi."]):
        talk.ask(session, "Say hi")
    own = Session.objects.exclude(pk=session).get()
    developer = Developer.objects.get()
    ModelUsage.objects.create(developer=developer, model="m", cost=Decimal("0.5"), session_id=own.pk)
    with scripted_model([calls("expert", message="Hi"), "I cannot."]) as model:
        talk.ask(session, "Once more")
    assert "may cost 0.5 US dollars" in json.loads(told(model, 1))["error"]


def test_what_its_own_agents_cost_counts_in_what_it_may(talk: Talk) -> None:
    expert, session = helped(talk, max_cost=0.5)
    give(talk, expert, "other", talk.agent(name="Eve"))
    with scripted_model([calls("expert", message="Hi"), calls("other", message="Hi"), "Hello.", "Hello.", "Hi."]):
        talk.ask(session, "Say hi")
    inner = Session.objects.get(metadata__called_by__session_id=str(own_of(session).pk))
    ModelUsage.objects.create(developer=Developer.objects.get(), model="m", cost=Decimal("0.5"), session_id=inner.pk)
    with scripted_model([calls("expert", message="Hi"), "I cannot."]) as model:
        talk.ask(session, "Once more")
    assert "may cost 0.5 US dollars" in json.loads(told(model, 1))["error"]


def test_what_runs_cost_that_it_began_counts_in_what_it_may_and_for_its_session(talk: Talk, settings: Any) -> None:
    settings.CHAT_TASK_WAIT_S, settings.UNKNOWN_PRICE_USD = 0, Decimal("0.2")
    expert, session = helped(talk, max_cost=0.5)
    task = talk.api.post(f"/agents/{expert}/tasks", {"name": "Say", "main": [{"prompt": "Say it"}]}).json()
    talk.tool(expert, name="helper", type="task", task={"task_id": task["id"]})
    talk.api.patch(f"/agents/{expert}", {"model": "scripted/one"})
    dispatcher = InProcessDispatcher()
    with dispatching_to(dispatcher):
        with scripted_model([calls("expert", message="Hi"), calls("helper"), "It takes a while.", "Wait."]):
            talk.ask(session, "Say hi")
        own = own_of(session)
        limit = {"scope": "session", "scope_id": str(own.pk), "period": "total", "amount": 10}
        limit_id = talk.api.post("/limits", limit).json()["id"]
        with scripted_model(["It."]):
            dispatcher.run_to_rest(Execution.objects.get().pk)
    assert talk.api.get(f"/limits/{limit_id}").json()["spent"] == 0.6
    with scripted_model([calls("expert", message="Hi"), "I cannot."]) as model:
        talk.ask(session, "Once more")
    assert "may cost 0.5 US dollars" in json.loads(told(model, 1))["error"]


def test_an_agent_that_asks_itself_comes_to_an_end(talk: Talk) -> None:
    ada = talk.agent()
    give(talk, ada, "me", ada)
    with scripted_model([*[calls("me", message="You!")] * 11, *["Enough."] * 11]) as model:
        assert talk.ask(talk.session(ada, auto_run_tools=True), "Who?")["choices"][0]["message"]["content"] == "Enough."
    assert "10 deep" in told(model, 11)
    assert Session.objects.count() == 11


def test_a_chat_is_told_how_a_run_stands_that_takes_long(talk: Talk, settings: Any) -> None:
    settings.CHAT_TASK_WAIT_S = 0
    ada = talk.agent()
    task = talk.api.post(f"/agents/{ada}/tasks", DOUBLE).json()
    talk.tool(ada, name="helper", type="task", task={"task_id": task["id"]})
    session = talk.session(ada, auto_run_tools=True)
    dispatcher = InProcessDispatcher()
    with dispatching_to(dispatcher):
        with scripted_model([calls("helper", n=4), "It takes a while."]) as model:
            talk.ask(session, "Double four")
        offered = {each["function"]["name"]: each["function"] for each in model.requests[0].tools}
        assert offered["helper"]["description"] == "Doubles a number."
        assert offered["helper"]["parameters"]["required"] == ["n"]
        begun = json.loads(told(model, 1))
        assert (begun["status"], begun.keys()) == ("queued", {"execution_id", "status", "note"})
        [run] = Execution.objects.all()
        dispatcher.run_to_rest(run.pk)
        with scripted_model([calls("helper__run", execution_id=begun["execution_id"]), "Eight."]) as model:
            talk.ask(session, "And now?")
    assert json.loads(told(model, 1)) == {"doubled": 8}

    with scripted_model([calls("helper__run", execution_id=begun["execution_id"]), "I do not know."]) as model:
        talk.ask(talk.session(ada, auto_run_tools=True), "What did others run?")
    assert "no run" in json.loads(told(model, 1))["error"]


def test_what_an_agent_begins_that_a_run_asks_is_of_its_session_and_not_of_the_run(talk: Talk, settings: Any) -> None:
    settings.CHAT_TASK_WAIT_S = 0
    grace = talk.agent(name="Grace")
    double = talk.api.post(f"/agents/{grace}/tasks", DOUBLE).json()
    talk.tool(grace, name="helper", type="task", task={"task_id": double["id"]})
    expert = {"name": "expert", "type": "agent", "agent": {"agent_id": grace}}
    step = {"tool": "expert", "arguments": {"message": "Double four"}}
    asking = talk.api.post(f"/agents/{grace}/tasks", {"name": "Ask", "main": [step], "tools": [expert]}).json()
    dispatcher = InProcessDispatcher()
    script = [calls("helper", n=4), "It takes a while."]
    with dispatching_to(dispatcher), scripted_model(script) as model:
        run = talk.api.post(f"/tasks/{asking['id']}/executions", {"input": {}}).json()
        dispatcher.run_to_rest(UUID(run["id"]))
    assert json.loads(told(model, 1)).keys() == {"execution_id", "status", "note"}
    begun = Execution.objects.get(task=double["id"])
    assert begun.called_by == Session.objects.get().pk
    assert talk.api.get(f"/executions/{run['id']}").json()["output"] == "It takes a while."


@pytest.mark.parametrize(
    ("most", "threads", "told_"), [(2, 32, "may lead to 2 answers"), (50, 2, "as many agents answer others")]
)
def test_agents_that_ask_several_are_bounded(
    talk: Talk, settings: Any, monkeypatch: pytest.MonkeyPatch, most: int, threads: int, told_: str
) -> None:
    monkeypatch.setattr(bounds, "MOST_OF_ONE_CALL", most)
    settings.CHAT_TOOL_THREADS, settings.TOOL_RATE_WAIT_S = threads, 0
    expert, session = helped(talk)
    give(talk, expert, "me", expert, remembers=False)
    both = calls_of(("c1", "me", {"message": "You!"}), ("c2", "me", {"message": "And you!"}))
    script = [calls("expert", message="Who?"), both, *["Enough."] * 4]
    with scripted_model(script) as model:
        assert talk.ask(session, "Who?")["choices"][0]["message"]["content"] == "Enough."
    results = [each["content"] for request in model.requests for each in request.messages if each["role"] == "tool"]
    assert any(told_ in str(result) for result in results)


def test_a_run_waits_for_its_turn_in_a_conversation_without_a_worker(talk: Talk) -> None:
    grace = talk.agent(name="Grace")
    expert = {
        "name": "expert",
        "type": "agent",
        "agent": {"agent_id": grace},
        "rate": {"calls": 2, "per": "day"},
    }
    step = {"tool": "expert", "arguments": {"message": "Hi"}}
    main = [step, {"wait_for_input": {"info": {}}}, step]
    task = talk.api.post(f"/agents/{grace}/tasks", {"name": "Ask", "main": main, "tools": [expert]}).json()
    dispatcher = InProcessDispatcher()
    with dispatching_to(dispatcher), scripted_model(["One.", "Two."]):
        run = talk.api.post(f"/tasks/{task['id']}/executions", {"input": {}}).json()
        dispatcher.run_to_rest(UUID(run["id"]))
        lease = timezone.now() + timedelta(minutes=1)
        other = Turn.objects.create(session=Session.objects.get(), status=TurnStatus.RUNNING, lease_until=lease)
        talk.api.put(f"/executions/{run['id']}", {"status": "running", "input": 1})
        dispatcher.run_to_rest(UUID(run["id"]), max_wakes=0)
        waiting = Branch.objects.get(execution=run["id"])
        assert (waiting.status, waiting.lease_owner, waiting.held_up["planned"]) == ("calling", None, True)
        other.delete()
        dispatcher.run_to_rest(UUID(run["id"]))
    assert talk.api.get(f"/executions/{run['id']}").json()["output"] == "Two."


def test_a_chat_holds_no_thread_while_a_run_goes_on(talk: Talk, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two calls with one thread between them, both are answered, though neither run ends before both are there."""
    settings.CHAT_TASK_WAIT_S = 20
    dispatcher = InProcessDispatcher()

    def look(*given: Any, ordinary: Any = running.standing_of, **more: Any) -> Any:
        if Execution.objects.count() == 2:
            for run_id in Execution.objects.filter(status="queued").values_list("pk", flat=True):
                dispatcher.run_to_rest(run_id)
        return ordinary(*given, **more)

    monkeypatch.setattr(running, "standing_of", look)
    ada = talk.agent()
    task = talk.api.post(f"/agents/{ada}/tasks", DOUBLE).json()
    talk.tool(ada, name="helper", type="task", task={"task_id": task["id"]})
    both = calls_of(("c1", "helper", {"n": 1}), ("c2", "helper", {"n": 2}))
    with ThreadPoolExecutor(1) as one, dispatching_to(dispatcher), scripted_model([both, "Done."]) as model:
        monkeypatch.setattr(tool_rounds, "_EXECUTOR", one)
        talk.ask(talk.session(ada, auto_run_tools=True), "Double them")
    told = [message["content"] for message in model.requests[1].messages if message["role"] == "tool"]
    assert not any("execution_id" in text for text in told) and len(told) == 2


@pytest.mark.parametrize("kind", ["agent", "task"])
def test_what_it_is_must_be_there(talk: Talk, kind: str) -> None:
    body = {"name": "t", "type": kind, kind: {f"{kind}_id": "01900000-0000-7000-8000-000000000000"}}
    answer = talk.api.post(f"/agents/{talk.agent()}/tools", body)
    assert [each["loc"] for each in answer.json()["error"]["details"]] == [f"{kind}.{kind}_id"]
