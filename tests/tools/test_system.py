"""System tools: operations of the API itself, for the rows of one developer."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import jsonschema
import pytest

from agents.models import Agent, Developer, Project, User
from agents.tool_specs import OPERATIONS, RESOURCES, SUBRESOURCES
from agents.tools import system
from agents.tools.errors import BadArguments, ToolError
from agents.tools.presentation import present_tools, shown_body
from agents.tools.system import Operation, all_operations, operation
from executions.models import Execution
from julep_project.core.reading.body_schema import body_schema
from sessions.models import Session
from tasks.models import Task
from tests.api_client import ApiClient
from tests.tools.calling import call_tool

MISSING = "0191a9ac-0000-7000-8000-000000000000"
NAMES = [each.name for each in all_operations()]


@pytest.fixture
def owner(api: ApiClient) -> Developer:
    """The developer behind the API key."""
    developer: Developer = Developer.objects.get(pk="00000000-0000-0000-0000-000000000000")
    return developer


def use(developer: Developer, name: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """Call an operation by its dotted name, as a step would."""
    *resource, verb = name.split(".")
    spec = {
        "operation": verb,
        **dict(zip(("resource", "subresource"), resource, strict=False)),
        **options.pop("spec", {}),
    }
    tool = {"name": "t", "type": "system", "system": spec}
    return call_tool(developer, tool, arguments or {}, **{"idempotency_key": str(uuid4()), **options})


def found(developer: Developer) -> dict[str, str]:
    """One row of each kind that belongs to the developer, by the name of its id."""
    project, _ = Project.objects.get_or_create(developer=developer, canonical_name="default", defaults={"name": "d"})
    agent = Agent.objects.create(developer=developer, project=project, name="Eve", canonical_name=f"a{uuid4().hex}")
    user = User.objects.create(developer=developer, project=project, name="Zoe")
    task = use(developer, "task.create", {"agent_id": str(agent.pk), "name": "t", "main": [{"evaluate": {"a": 1}}]})
    execution = use(developer, "execution.create", {"task_id": task["id"], "input": {}})
    tool = use(developer, "agent.tool.create", {"agent_id": str(agent.pk), "name": "f", "type": "function"})
    doc = use(developer, "user.doc.create", {"user_id": str(user.pk), "title": "T", "content": "c"})
    session = use(developer, "session.create", {"agent": str(agent.pk), "user": str(user.pk)})
    return {
        "agent_id": str(agent.pk),
        "user_id": str(user.pk),
        "task_id": task["id"],
        "execution_id": execution["id"],
        "tool_id": tool["id"],
        "doc_id": doc["id"],
        "session_id": session["id"],
    }


class TestRegistry:
    @pytest.mark.parametrize("name", NAMES)
    def test_every_operation_can_be_named_and_shown(self, name: str) -> None:
        *resource, verb = name.split(".")
        spec = dict(zip(("resource", "subresource"), resource, strict=False))

        (shown,) = present_tools([{"name": "t", "type": "system", "system": {**spec, "operation": verb}}])

        assert verb in OPERATIONS and spec["resource"] in RESOURCES
        assert spec.get("subresource") in (None, *SUBRESOURCES)
        assert len(shown["function"]["description"]) > 10
        jsonschema.Draft202012Validator.check_schema(shown["function"]["parameters"])
        assert json.loads(json.dumps(shown)) == shown

    def test_the_operations_of_the_apps_are_there(self) -> None:  # D45
        assert set(NAMES) >= {
            *(f"agent.{verb}" for verb in ("list", "get", "create", "update", "patch", "create_or_update", "delete")),
            *(f"user.{verb}" for verb in ("list", "get", "create", "update", "patch", "create_or_update", "delete")),
            *(f"agent.tool.{verb}" for verb in ("list", "get", "create", "update", "patch", "delete")),
            *(f"{role}.doc.{verb}" for role in ("agent", "user") for verb in ("list", "create", "delete", "search")),
            *(f"task.{verb}" for verb in ("list", "get", "create", "update", "patch", "create_or_update", "delete")),
            *(f"execution.{verb}" for verb in ("list", "get", "create", "change_status")),
            *("execution.transition.list", "execution.transition.get", "task.execution.create", "doc.get", "doc.embed"),
            *(f"session.{verb}" for verb in ("list", "get", "create", "update", "patch", "create_or_update", "delete")),
            *("session.chat", "session.history", "session.tool.list", "job.get"),
        }

    def test_a_name_is_given_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(system, "_operations", {"job.get": Operation("job.get", "", {}, dict)})

        with pytest.raises(ValueError, match="job.get"):
            operation("job.get")(lambda call: None)

    def test_what_nobody_registered_is_refused(self) -> None:  # D45
        with pytest.raises(ToolError, match="there is no operation 'job.create'") as caught:
            use(Developer(), "job.create")
        assert not caught.value.retryable


@pytest.mark.django_db
class TestTenancy:
    def test_what_is_foreign_is_missing(self, owner: Developer, stranger: Developer) -> None:
        """Every id of every operation, one by one: the others are the caller's own."""
        own, foreign = found(owner), found(stranger)
        body = {"name": "n", "title": "t", "content": "c", "type": "function", "input": {}, "delete_all": True}
        body |= {"main": [{"evaluate": {"a": 1}}], "status": "cancelled", "message": "Hi", "role": "user"}
        for each in all_operations():
            ids = [part for part in each.parameters.get("required", ()) if part.endswith("_id")]
            # A search finds nothing then; the id of what may be created need not exist.
            spared = {"search": ids, "create_or_update": [f"{each.name.split('.')[0]}_id"]}.get(
                each.name.split(".")[-1], []
            )
            is_open = each.parameters.get("additionalProperties") is True
            fitting = {key: value for key, value in body.items() if is_open or key in each.parameters["properties"]}
            for part in ids:
                if part in spared:
                    continue
                told = []
                for other in (foreign.get(part, MISSING), MISSING):
                    with pytest.raises(BadArguments) as caught:
                        use(owner, each.name, {**fitting, **{key: own.get(key, MISSING) for key in ids}, part: other})
                    told.append(caught.value.message.replace(other, "<id>"))
                assert told[0] == told[1] and "not found" in told[0], each.name

    @pytest.mark.parametrize("kind", ["agent", "user", "task"])
    def test_a_foreign_id_cannot_be_taken_over(self, owner: Developer, stranger: Developer, kind: str) -> None:
        own, foreign = found(owner), found(stranger)
        body = {"name": "mine", "main": [{"evaluate": {"a": 1}}], "agent_id": own["agent_id"]}

        with pytest.raises(BadArguments, match="not found"):
            use(owner, f"{kind}.create_or_update", {**body, f"{kind}_id": foreign[f"{kind}_id"]})

    def test_lists_and_searches_show_nothing_foreign(self, owner: Developer, stranger: Developer) -> None:
        foreign = found(stranger)

        assert use(owner, "agent.list") == [] and use(owner, "user.list") == []
        assert use(owner, "user.doc.search", {"user_id": foreign["user_id"], "text": "c"})["docs"] == []


@pytest.mark.django_db
class TestLikeTheApi:
    def test_answers_are_those_of_the_api(self, owner: Developer, api: ApiClient) -> None:
        rows = found(owner)
        for name, path in [
            ("agent.get", "/agents/{agent_id}"),
            ("user.get", "/users/{user_id}"),
            ("task.get", "/tasks/{task_id}"),
            ("execution.get", "/executions/{execution_id}"),
            ("session.get", "/sessions/{session_id}"),
            ("session.history", "/sessions/{session_id}/history"),
            ("doc.get", "/docs/{doc_id}"),
        ]:
            assert use(owner, name, rows) == api.get(path.format(**rows)).json()
        for name, path in [
            ("agent.list", "/agents"),
            ("user.list", "/users"),
            ("agent.tool.list", "/agents/{agent_id}/tools"),
            ("task.list", "/agents/{agent_id}/tasks"),
            ("execution.list", "/tasks/{task_id}/executions"),
            ("task.execution.list", "/tasks/{task_id}/executions"),
            ("execution.transition.list", "/executions/{execution_id}/transitions"),
            ("user.doc.list", "/users/{user_id}/docs"),
            ("session.list", "/sessions"),
            ("session.tool.list", "/sessions/{session_id}/tools"),
            ("session.message.list", "/sessions/{session_id}/messages"),
        ]:
            told = api.get(path.format(**rows)).json()["items"]
            if ".tool." in name:
                told = [shown_body(tool) for tool in told]
            assert use(owner, name, rows) == told, name

    def test_an_agent_from_birth_to_death(self, owner: Developer) -> None:  # D11
        made = use(owner, "agent.create", {"name": "Ada", "metadata": {"a": 1}, "instructions": "Be kind"})
        agent_id = {"agent_id": made["id"]}

        assert made["instructions"] == ["Be kind"]
        assert use(owner, "agent.patch", {**agent_id, "metadata": {"b": 2}})["metadata"] == {"a": 1, "b": 2}
        assert use(owner, "agent.update", {**agent_id, "name": "Bo"})["metadata"] == {}
        assert use(owner, "agent.create_or_update", {**agent_id, "name": "Cy"})["name"] == "Cy"
        assert use(owner, "agent.delete", agent_id).keys() == {"id", "deleted_at", "jobs"}
        with pytest.raises(BadArguments, match="Agent not found"):
            use(owner, "agent.get", agent_id)

    def test_tools_of_an_agent(self, owner: Developer) -> None:
        rows = found(owner)

        patched = use(owner, "agent.tool.patch", {**rows, "description": "new", "agent_id": rows["agent_id"]})
        replaced = use(owner, "agent.tool.update", {**rows, "name": "g", "type": "function", "function": {}})
        use(owner, "agent.tool.delete", rows)

        assert (patched["description"], replaced["name"]) == ("new", "g")
        assert use(owner, "agent.tool.list", rows) == []

    def test_docs(self, owner: Developer) -> None:  # D11
        rows = found(owner)
        agent = {"agent_id": rows["agent_id"]}
        doc = use(owner, "agent.doc.create", {**agent, "data": {"title": "Tides", "content": ["High at noon"]}})

        hits = use(owner, "agent.doc.search", {**agent, "text": "noon"})

        assert [hit["id"] for hit in hits["docs"]] == [doc["id"]]
        assert "embedding" not in hits["docs"][0]["snippet"] or hits["docs"][0]["snippet"]["embedding"] is None
        assert use(owner, "doc.get", {"doc_id": doc["id"]})["content"] == ["High at noon"]
        with pytest.raises(BadArguments, match="doc_id: Field required"):
            use(owner, "agent.doc.delete", agent)
        assert use(owner, "agent.doc.delete", {**agent, "metadata_filter": {}, "delete_all": False}) == []
        assert use(owner, "agent.doc.delete", {**agent, "metadata_filter": {"a": 2**70}}) == []
        assert use(owner, "agent.doc.delete", {**agent, "doc_id": doc["id"]})["id"] == doc["id"]
        assert (
            use(owner, "user.doc.delete", {"user_id": rows["user_id"], "delete_all": True})[0]["id"] == rows["doc_id"]
        )

    def test_vectors(self, owner: Developer, settings: Any) -> None:
        settings.EMBEDDING_MODEL = "offline/hashing"

        vectors = use(owner, "doc.embed", {"text": ["one", "two"]})["vectors"]

        assert len(vectors) == 2 and vectors[0] != vectors[1]

    def test_tasks_keep_their_further_workflows(self, owner: Developer) -> None:  # D11
        rows = found(owner)
        body = {"name": "w", "main": [{"workflow": "more", "arguments": {}}], "more": [{"evaluate": {"a": 1}}]}
        task_id = {"task_id": rows["task_id"]}

        assert use(owner, "task.update", {**task_id, **body})["more"][0]["evaluate"] == {"a": 1}
        assert use(owner, "task.patch", {**task_id, "description": "d"})["description"] == "d"

    def test_a_session_from_birth_to_death(self, owner: Developer) -> None:  # D11
        session_id = {"session_id": found(owner)["session_id"]}

        assert use(owner, "session.patch", {**session_id, "metadata": {"a": 1}})["metadata"] == {"a": 1}
        assert use(owner, "session.update", {**session_id, "situation": "s"})["metadata"] == {}
        with pytest.raises(BadArguments, match="Only one of 'agent' or 'agents'"):
            use(owner, "session.create", {"agent": MISSING, "agents": [MISSING]})
        assert use(owner, "session.delete", session_id)["id"] == session_id["session_id"]

    def test_what_was_said_is_written_and_forgotten(self, owner: Developer, api: ApiClient) -> None:
        session_id = {"session_id": found(owner)["session_id"]}
        for number in range(3):
            use(owner, "session.message.create", {**session_id, "role": "user", "content": f"m{number}"})

        told = use(owner, "session.message.list", {**session_id, "limit": 2, "offset": 1})
        assert [message["content"] for message in told] == ["m1", "m2"]
        newest = use(owner, "session.message.list", {**session_id, "limit": 1, "direction": "desc"})
        assert newest == api.get(f"/sessions/{session_id['session_id']}/messages").json()["items"][2:]
        assert use(owner, "session.history.delete", session_id)["id"] == session_id["session_id"]
        assert use(owner, "session.history", session_id)["entries"] == []

    def test_executions_are_found_by_what_they_have_in_common(self, owner: Developer) -> None:
        rows, other = found(owner), found(owner)
        use(owner, "execution.change_status", {**other, "status": "cancelled"})

        def listed(**arguments: Any) -> list[str]:
            return [run["id"] for run in use(owner, "execution.list", arguments)]

        assert set(listed()) == {other["execution_id"], rows["execution_id"]}
        assert listed(status=["cancelled"]) == listed(agent_id=other["agent_id"]) == [other["execution_id"]]
        assert listed(task_id=rows["task_id"]) == [rows["execution_id"]]
        with pytest.raises(BadArguments, match="Task not found"):
            listed(task_id=MISSING)

    def test_an_execution_is_cancelled(self, owner: Developer) -> None:
        rows = found(owner)

        assert use(owner, "execution.change_status", {**rows, "status": "cancelled"})["status"] == "cancelled"
        (row,) = use(owner, "execution.transition.list", rows)
        assert use(owner, "execution.transition.get", {**rows, "transition_id": row["id"]}) == row


@pytest.mark.django_db
class TestArguments:
    def test_lists_are_paged_and_narrowed(self, owner: Developer) -> None:
        for number in range(3):
            use(owner, "user.create", {"name": f"u{number}", "metadata": {"n": number}})

        whole = use(owner, "user.list", {"direction": "asc"})
        assert use(owner, "user.list", {"limit": 2, "offset": 1, "direction": "asc"}) == whole[1:]
        assert [user["name"] for user in use(owner, "user.list", {"metadata_filter": {"n": 2}})] == ["u2"]
        with pytest.raises(BadArguments, match="Limit must be between 1 and 1000"):
            use(owner, "user.list", {"limit": 0})

    def test_the_definition_presets_the_resource(self, owner: Developer) -> None:
        rows = found(owner)

        assert use(owner, "agent.get", spec={"resource_id": rows["agent_id"]})["id"] == rows["agent_id"]
        assert use(owner, "agent.tool.list", spec={"resource_id": rows["agent_id"], "arguments": {"offset": 1}}) == []

    def test_a_model_cannot_name_another_resource(self, owner: Developer) -> None:
        rows, other = found(owner), found(owner)

        got = use(
            owner, "agent.get", {"agent_id": other["agent_id"]}, from_model=True, spec={"resource_id": rows["agent_id"]}
        )

        assert got["id"] == rows["agent_id"]

    @pytest.mark.parametrize(
        ("name", "arguments", "message"),
        [
            ("agent.get", {}, "agent_id: Field required"),
            ("agent.get", {"agent_id": "x"}, "agent_id: Input should be a valid UUID"),
            ("agent.get", {"agent_id": {"a": 1}}, "agent_id: Input should be a valid UUID"),
            ("agent.create", {}, "name: Field required"),
            ("agent.create", {"name": "n", "project": "none"}, "Project 'none' not found"),
            ("user.list", {"sort_by": "name"}, "sort_by"),
            ("task.create", {"agent_id": MISSING, "name": "n"}, "Agent not found"),
        ],
    )
    def test_bad_ones_are_told_of_in_words(
        self, owner: Developer, name: str, arguments: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(BadArguments) as caught:
            use(owner, name, arguments)
        assert message in caught.value.message

    def test_a_conflict_is_told_of(self, owner: Developer) -> None:
        use(owner, "agent.create", {"name": "a", "canonical_name": "one"})

        with pytest.raises(BadArguments, match="canonical name already exists"):
            use(owner, "agent.create", {"name": "b", "canonical_name": "one"})


@pytest.mark.django_db
class TestRepeated:
    def test_a_message_is_said_once(self, owner: Developer) -> None:
        said = {"session_id": found(owner)["session_id"], "role": "user", "content": "Hi"}

        first, again = (use(owner, "session.message.create", said, idempotency_key="k") for _ in range(2))

        assert first == again and len(use(owner, "session.message.list", said)) == 1

    @pytest.mark.parametrize("kind", ["agent", "user", "task", "execution", "session"])
    def test_a_call_lost_on_its_way_back_creates_nothing_twice(self, owner: Developer, kind: str) -> None:
        rows = found(owner)
        arguments: dict[str, Any] = {
            "agent": {"name": "n"},
            "user": {"name": "n"},
            "task": {"agent_id": rows["agent_id"], "name": "n", "main": [{"evaluate": {"a": 1}}]},
            "execution": {"task_id": rows["task_id"], "input": {}},
            "session": {"agent": rows["agent_id"]},
        }[kind]
        model: Any = {"agent": Agent, "user": User, "task": Task, "execution": Execution, "session": Session}[kind]

        first = use(owner, f"{kind}.create", arguments, idempotency_key="k")
        count = model.objects.count()
        again = use(owner, f"{kind}.create", arguments, idempotency_key="k")

        assert (again["id"], model.objects.count()) == (first["id"], count)

    def test_an_execution_knows_how_deep_it_is(self, owner: Developer) -> None:
        rows = found(owner)

        started = use(owner, "execution.create", {**rows, "input": {}}, depth=3)

        assert Execution.objects.get(pk=started["id"]).depth == 4


def test_a_body_as_a_schema() -> None:
    from executions.api.serializers import ChangeBody
    from tasks.api.serializers import TaskHeadBody

    assert body_schema(TaskHeadBody) == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 255, "minLength": 1},
            "canonical_name": {"type": "string", "pattern": "^[a-zA-Z][a-zA-Z0-9_]*$", "maxLength": 255},
            "description": {"type": "string", "maxLength": 16000},
            "metadata": {"type": "object"},
        },
        "required": ["name"],
    }
    assert body_schema(ChangeBody)["properties"]["status"] == {"enum": ["running", "cancelled"]}
    assert "required" not in body_schema(TaskHeadBody, partial=True)
