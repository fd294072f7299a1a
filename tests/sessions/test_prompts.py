"""Prompts: the system message, the history, the new messages, and what fits."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync

from agents.models import Developer
from julep_project.core.errors import PromptTooBig
from sessions.context.chat_request import ChatRequest
from sessions.context.conversation import load_conversation
from sessions.context.prompt import Prompt, build_prompt
from sessions.errors import TemplateFailed
from tests.api_client import ApiClient
from tests.sessions.conftest import Json, messages_of

OpenSession = Callable[..., Json]
FUNCTION = {"name": "look", "type": "function", "function": {"description": "Looks.", "parameters": {"type": "object"}}}


def _prompt(session: Json, *contents: Any, **fields: Any) -> Prompt:
    """The prompt for messages of a user, given by their contents, or whole."""
    messages = [item if isinstance(item, dict) else {"role": "user", "content": item} for item in contents]
    request = ChatRequest.read({"messages": messages, **fields})
    conversation = load_conversation(Developer.objects.get(pk=UUID(int=0)), UUID(session["id"]), request)
    [agent, *_] = conversation.speakers(request.agent)
    return async_to_sync(build_prompt)(conversation, request, agent)


def _messages(session: Json, *contents: Any, **fields: Any) -> list[Json]:
    return _prompt(session, *contents, **fields).messages


def _system(session: Json) -> str:
    return str(_messages(session, "hi")[0]["content"])


def _failure(session: Json, *contents: Any) -> TemplateFailed:
    with pytest.raises(TemplateFailed) as failed:
        _prompt(session, *contents)
    return failed.value


def _tools(api: ApiClient, agent: Json, *tools: Json) -> None:
    for tool in tools:
        assert api.post(f"/agents/{agent['id']}/tools", tool).status_code == 201


def _call(call_id: str, name: str = "look") -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


class TestSystemMessage:
    """The first message."""

    def test_default(self, api: ApiClient, user: Json, open_session: OpenSession) -> None:
        body = {"name": "Ann", "about": "An expert.", "instructions": "Be brief."}
        agent = api.post("/agents", body).json()
        session = open_session(agent=agent["id"], user=user["id"], situation="It rains {{ 1 }}.")
        assert _system(session) == (
            "It rains {{ 1 }}.\n\nYou are Ann.\nAbout you: An expert.\n\n"
            "You are talking to Ada. About them: likes tea\n\nInstructions:\n- Be brief."
        )

    def test_default_with_several_users(self, api: ApiClient, user: Json, open_session: OpenSession) -> None:
        nameless = api.post("/users", {"about": "hates tea"}).json()
        text = _system(open_session(users=[user["id"], nameless["id"]]))
        assert "- Ada: likes tea\n- somebody: hates tea" in text

    def test_default_lists_tools_of_any_kind(self, api: ApiClient, agent: Json, session: Json) -> None:
        _tools(
            api,
            agent,
            FUNCTION,
            {"name": "fetch", "type": "api_call", "api_call": {"method": "GET", "url": "https://example.com"}},
            {"name": "dig", "type": "system", "system": {"resource": "agent", "operation": "list"}},
            {"name": "wiki", "type": "integration", "integration": {"provider": "wikipedia"}},
            {"name": "computer", "type": "computer_20241022", "description": "Clicks."},
            {"name": "bash", "type": "bash_20241022"},
        )
        text = _system(session)
        assert text.endswith("- look: Looks.\n- fetch\n- dig\n- wiki\n- computer: Clicks.\n- bash")

    def test_the_sessions_template_wins_over_the_agents(self, api: ApiClient, open_session: OpenSession) -> None:
        agent = api.post("/agents", {"name": "Ann", "default_system_template": "Agent {{ agent.name }}"}).json()
        assert _system(open_session(agent=agent["id"])) == "Agent Ann"
        assert _system(open_session(agent=agent["id"], system_template="Session {{ session.id }}")).startswith(
            "Session 0"
        )

    def test_variables(self, api: ApiClient, agent: Json, user: Json, open_session: OpenSession) -> None:
        _tools(api, agent, FUNCTION)
        template = (
            "{{ session.situation }}|{{ agent.name }}|{{ current_agent.id == agent.id }}|{{ agents | length }}|"
            "{{ user.name }}|{{ users[0].about }}|{{ settings.temperature }}|{{ settings.model }}|"
            "{{ tools[0].function.name }}|{{ docs | length }}|{{ metadata.topic }}"
        )
        session = open_session(user=user["id"], situation="s", system_template=template)
        messages = _messages(session, "hi", metadata={"topic": "{{ agent.id }}"}, temperature=0.5, model="offline/echo")
        assert messages[0]["content"] == "s|Writer|True|1|Ada|likes tea|0.5|offline/echo|look|0|{{ agent.id }}"

    def test_settings_of_the_request_win_over_the_agents(self, api: ApiClient, open_session: OpenSession) -> None:
        defaults = {"temperature": 0.1, "top_p": 0.2, "model": "offline/echo"}
        agent = api.post("/agents", {"name": "Ann", "model": "gpt-4.1", "default_settings": defaults}).json()
        template = "{{ settings.model }} {{ settings.temperature }} {{ settings.top_p }}"
        session = open_session(agent=agent["id"], system_template=template)
        assert _messages(session, "hi", top_p=0.9)[0]["content"] == "offline/echo 0.1 0.9"

    def test_what_is_missing_is_empty(self, api: ApiClient, open_session: OpenSession) -> None:
        template = "[{{ nobody }}{{ agent.nothing }}{% if user %}x{% endif %}{{ metadata.gone }}]"
        assert _system(open_session(system_template=template)) == "[]"

    def test_an_empty_one_is_left_out(self, api: ApiClient, open_session: OpenSession) -> None:
        session = open_session(system_template="{% if user %}Hello{% endif %}")
        assert [message["role"] for message in _messages(session, "hi")] == ["user"]


class TestNewMessages:
    """The messages of the request."""

    def test_are_rendered(self, api: ApiClient, session: Json) -> None:
        parts = [
            {"type": "text", "text": "{{ agent.name }}"},
            {"type": "image_url", "image_url": {"url": "https://example.com/{{ metadata.id }}.png", "detail": "low"}},
        ]
        messages = _messages(session, "I am {{ agent.name }}", parts, metadata={"id": 7})
        assert messages[1]["content"] == "I am Writer"
        assert messages[2]["content"][0]["text"] == "Writer"
        assert messages[2]["content"][1]["image_url"] == {"url": "https://example.com/7.png", "detail": "low"}

    def test_are_literal_without_render_templates(self, api: ApiClient, open_session: OpenSession) -> None:
        session = open_session(render_templates=False)
        assert _messages(session, "{{ agent.name }} {% x")[1]["content"] == "{{ agent.name }} {% x"

    def test_results_of_tools_are_never_rendered(self, api: ApiClient, session: Json) -> None:
        call = {"role": "assistant", "content": None, "tool_calls": [_call("c1")]}
        result = {"role": "tool", "tool_call_id": "c1", "content": "{{ agent.name }}"}
        assert _messages(session, "hi", call, result)[3]["content"] == "{{ agent.name }}"

    def test_names_and_metadata_are_never_rendered(self, api: ApiClient, open_session: OpenSession) -> None:
        trap = "{{ agent.metadata }}"
        agent = api.post("/agents", {"name": trap, "about": trap, "metadata": {"secret": 1}}).json()
        user = api.post("/users", {"name": trap}).json()
        session = open_session(agent=agent["id"], user=user["id"], metadata={"x": trap})
        messages = _messages(session, "{{ session.metadata.x }}{{ metadata.y }}", metadata={"y": trap})
        assert "secret" not in str(messages)
        assert messages[1]["content"] == trap * 2

    def test_names_become_ones_that_providers_take(self, api: ApiClient, session: Json) -> None:
        [_, message] = _messages(session, {"role": "user", "content": "hi", "name": "Ada <Countess> of L/L"})
        assert message["name"] == "Ada_Countess_of_L_L"


class TestTemplateErrors:
    """They name the template, the line and what there is to read."""

    @pytest.mark.parametrize(
        ("template", "begins", "line"),
        [
            ("a\n{{ nobody.name }}", "Template undefined variable: nobody is not defined", 2),
            ("{{ users[0].name }}", "Template undefined variable: item 0 is not defined", 1),
            ("{{ nofunction() }}", "Template undefined variable: there is no function 'nofunction'", 1),
            ("a\n\n{% if %}", "Template syntax error: ", 3),
            ("{{ unclosed", "Template syntax error: ", 1),
            ("a\n{{ agent.name | nofilter }}", "Template syntax error: there is no filter 'nofilter'", 2),
            ("{% include 'x' %}", "Template syntax error: ", 1),
            ("{{ 1 / 0 }}", "Template error: ", 1),
            ("{% for i in range(999999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", "Template error: ", 1),
        ],
    )
    def test_in_a_message(self, session: Json, template: str, begins: str, line: int) -> None:
        failure = _failure(session, "fine", template)
        assert failure.message.startswith(begins)
        assert f"(messages[1], line {line}; names in scope: agent, agents," in failure.message
        assert (failure.extra["template"], failure.extra["line"]) == ("messages[1]", line)
        assert "session" in failure.extra["names"]
        assert "user" not in failure.extra["names"]

    @pytest.mark.parametrize("owner", ["system_template", "default_system_template"])
    def test_in_the_system_message(self, api: ApiClient, open_session: OpenSession, owner: str) -> None:
        field = {owner: "{{ a.b }}"}
        is_agents = owner == "default_system_template"
        agent = api.post("/agents", {"name": "Ann", **(field if is_agents else {})}).json()
        session = open_session(agent=agent["id"], **({} if is_agents else field))
        assert _failure(session, "hi").extra["template"] == owner

    def test_in_a_part(self, session: Json) -> None:
        parts = [{"type": "text", "text": "fine"}, {"type": "text", "text": "{{ a.b }}"}]
        assert _failure(session, parts).extra["template"] == "messages[0].content[1]"

    def test_templates_of_one_prompt_share_the_limit(self, session: Json) -> None:
        costly = "{% for i in range(500) %}{% for j in range(100) %}{% endfor %}{% endfor %}"
        assert len(_messages(session, costly)) == 2
        assert _failure(session, *[costly] * 20).message.startswith("Template error: ")


class TestHistory:
    """Stored messages, between the system message and the new ones."""

    def test_stands_in_between_and_is_not_rendered(self, api: ApiClient, session: Json) -> None:
        api.post(messages_of(session), {"role": "user", "content": "{{ agent.name }} {{ a.b }}"})
        api.post(messages_of(session), {"role": "assistant", "content": "yes"})
        messages = _messages(session, "new")
        assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
        assert messages[1] == {"role": "user", "content": "{{ agent.name }} {{ a.b }}"}

    def _tool_round(self, api: ApiClient, session: Json) -> None:
        for message in (
            {"role": "user", "content": "look!"},
            {"role": "assistant", "content": "Looking.", "tool_calls": [_call("c1")]},
            {"role": "tool", "tool_call_id": "c1", "content": "a bird"},
            {"role": "assistant", "content": None, "tool_calls": [_call("c2")]},
        ):
            assert api.post(messages_of(session), message).status_code == 201

    def test_answered_calls_are_told_others_are_not(self, api: ApiClient, session: Json) -> None:
        self._tool_round(api, session)
        messages = _messages(session, "and now?")
        assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool", "user"]
        assert messages[2] == {"role": "assistant", "content": "Looking.", "tool_calls": [_call("c1")]}

    def test_ids_of_calls_may_come_again(self, api: ApiClient, session: Json) -> None:
        self._tool_round(api, session)
        again = {"role": "assistant", "content": "Again.", "tool_calls": [_call("c1")]}
        assert api.post(messages_of(session), again).status_code == 201
        left = _messages(session, "never mind")
        assert [bool(message.get("tool_calls")) for message in left] == [False, False, True, False, False, False]
        answered = _messages(session, {"role": "tool", "tool_call_id": "c1", "content": "a cat"})
        assert [bool(message.get("tool_calls")) for message in answered] == [False, False, True, False, True, False]

    def test_a_result_without_its_call_is_left_out(self, api: ApiClient, session: Json) -> None:
        api.post(messages_of(session), {"role": "tool", "tool_call_id": "c9", "content": "lost"})
        assert [message["role"] for message in _messages(session, "hi")] == ["system", "user"]

    def test_a_call_answered_by_the_request(self, api: ApiClient, session: Json) -> None:
        self._tool_round(api, session)
        result = {"role": "tool", "tool_call_id": "c2", "content": "a cat"}
        messages = _messages(session, result)
        assert [message["role"] for message in messages[-2:]] == ["assistant", "tool"]

    def test_recall_tools_false_drops_calls_and_results(self, api: ApiClient, session: Json) -> None:
        self._tool_round(api, session)
        messages = _messages(session, "and now?", recall_tools=False)
        assert messages[2] == {"role": "assistant", "content": "Looking."}
        assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
        result = {"role": "tool", "tool_call_id": "c2", "content": "a cat"}
        kept = _messages(session, result, recall_tools=False)
        assert [message["role"] for message in kept] == ["system", "user", "assistant", "assistant", "tool"]

    def test_other_agents_are_others(self, api: ApiClient, agent: Json, open_session: OpenSession) -> None:
        other = api.post("/agents", {"name": "Other One"}).json()
        session = open_session(agents=[agent["id"], other["id"]])
        for name in ("Writer", "Other One"):
            api.post(messages_of(session), {"role": "assistant", "content": f"by {name}", "name": name})
        messages = _messages(session, "hi", agent=other["id"])
        assert messages[1:3] == [
            {"role": "user", "content": "by Writer", "name": "Writer"},
            {"role": "assistant", "content": "by Other One", "name": "Other_One"},
        ]


class TestWindow:
    """What happens to a prompt that is too large."""

    def _long_session(self, api: ApiClient, open_session: OpenSession, **fields: Any) -> Json:
        session = open_session(system_template="S", **fields)
        for number in range(6):
            role = "assistant" if number % 2 else "user"
            api.post(messages_of(session), {"role": role, "content": f"{number} " + "x" * 400})
        return session

    @pytest.mark.parametrize("overflow", [None, "adaptive"])
    def test_too_big(self, api: ApiClient, open_session: OpenSession, overflow: str | None) -> None:
        session = self._long_session(api, open_session, token_budget=300, context_overflow=overflow)
        with pytest.raises(PromptTooBig, match="more than the 300 it may have"):
            _prompt(session, "hi")

    def test_truncate_drops_the_oldest(self, api: ApiClient, open_session: OpenSession) -> None:
        session = self._long_session(api, open_session, token_budget=300, context_overflow="truncate")
        messages = _messages(session, "newest")
        assert [message["content"][:1] for message in messages] == ["S", "4", "5", "n"]

    def test_truncate_keeps_calls_and_results_together(self, api: ApiClient, open_session: OpenSession) -> None:
        session = open_session(system_template="S", token_budget=150, context_overflow="truncate")
        for message in (
            {"role": "assistant", "content": "x" * 400, "tool_calls": [_call("c1")]},
            {"role": "user", "content": "wait"},
            {"role": "tool", "tool_call_id": "c1", "content": "short"},
        ):
            api.post(messages_of(session), message)
        assert [message["content"] for message in _messages(session, "x" * 200)] == ["S", "wait", "x" * 200]

    def test_truncate_cannot_help_when_the_newest_is_too_long(self, api: ApiClient, open_session: OpenSession) -> None:
        session = self._long_session(api, open_session, token_budget=300, context_overflow="truncate")
        with pytest.raises(PromptTooBig, match="without the older messages"):
            _prompt(session, "x" * 4000)

    def test_ten_megabytes(self, api: ApiClient, open_session: OpenSession) -> None:
        text = "tide " * (2 * 1024 * 1024)
        assert _prompt(open_session(), text).messages[-1]["content"] == text
        assert "may have at most" in _failure(open_session(), text + "{{ 1 }}").message
        with pytest.raises(PromptTooBig):
            _prompt(open_session(token_budget=100_000, context_overflow="truncate"), text)

    def test_the_models_window_counts_without_a_budget(self, session: Json) -> None:
        with pytest.raises(PromptTooBig, match="more than the 8192 it may have"):
            _prompt(session, "tide " * 9000, model="gpt-4")

    def test_tools_count(self, api: ApiClient, agent: Json, open_session: OpenSession) -> None:
        session = open_session(system_template="S", token_budget=60)
        assert _prompt(session, "hi").token_count <= 60
        _tools(api, agent, {**FUNCTION, "description": "x" * 400})
        with pytest.raises(PromptTooBig):
            _prompt(session, "hi")


class TestTools:
    """Tools and the choice of one."""

    def test_the_agents_come_first_and_keep_their_names(self, api: ApiClient, agent: Json, session: Json) -> None:
        _tools(api, agent, FUNCTION)
        added = [
            {"name": "look", "type": "function", "function": {"description": "mine"}},
            {"type": "function", "function": {"name": "listen"}},
        ]
        prompt = _prompt(session, "hi", tools=added, tool_choice={"function": {"name": "listen"}})
        assert [tool["name"] for tool in prompt.tools] == ["look", "listen"]
        assert prompt.tools[0]["function"]["description"] == "Looks."
        assert prompt.tool_choice == {"type": "function", "function": {"name": "listen"}}

    def test_preset_arguments_are_not_offered(self, api: ApiClient, open_session: OpenSession) -> None:
        def preset(name: str) -> Json:
            return {"x-integration-args": {"function:look": {name: "preset"}}}

        agent = api.post("/agents", {"name": "Ann", "metadata": preset("a")}).json()
        user = api.post("/users", {"metadata": preset("b")}).json()
        properties = {name: {"type": "string"} for name in "abcd"}
        _tools(api, agent, {**FUNCTION, "function": {"parameters": {"type": "object", "properties": properties}}})
        session = open_session(agent=agent["id"], user=user["id"], metadata=preset("c"))
        prompt = _prompt(session, "hi")
        [tool] = prompt.offered
        assert list(tool["function"]["parameters"]["properties"]) == ["d"]
        assert prompt.tools[0]["function"]["parameters"]["properties"] == properties

    def test_the_sessions_presets_win_over_the_users_and_those_over_the_agents(
        self, api: ApiClient, open_session: OpenSession
    ) -> None:
        def preset(**values: str) -> Json:
            return {"x-integration-args": {"function:look": values}}

        agent = api.post("/agents", {"name": "Ann", "metadata": preset(a="agent", b="agent", c="agent")}).json()
        first = api.post("/users", {"metadata": preset(b="first", c="first")}).json()
        second = api.post("/users", {"metadata": preset(a="second", b="second")}).json()
        users = [first["id"], second["id"]]
        session = open_session(agent=agent["id"], users=users, metadata=preset(c="session"))
        prompt = _prompt(session, "hi", tools=[FUNCTION])
        assert prompt.presets.for_tool(prompt.tools[0]) == {"a": "second", "b": "first", "c": "session"}


class TestLoading:
    """Reading a session for a chat."""

    @pytest.mark.parametrize("count", [1, 4])
    def test_takes_as_many_queries_however_large(
        self,
        api: ApiClient,
        developer: Developer,
        open_session: OpenSession,
        count: int,
        django_assert_num_queries: Any,
    ) -> None:
        agents = [api.post("/agents", {"name": "a"}).json() for _ in range(count)]
        users = [api.post("/users", {}).json() for _ in range(count)]
        for agent in agents:
            _tools(api, agent, FUNCTION)
        session = open_session(agents=[agent["id"] for agent in agents], users=[user["id"] for user in users])
        for _ in range(count):
            api.post(messages_of(session), {"role": "user", "content": "hi"})
        request = ChatRequest.read({"message": "hi", "recall": False})
        with django_assert_num_queries(6):
            conversation = load_conversation(developer, UUID(session["id"]), request)
        assert [str(agent.id) for agent in conversation.agents] == session["agents"]
        assert [str(user.pk) for user in conversation.users] == session["users"]
        with django_assert_num_queries(0):
            prompt = async_to_sync(build_prompt)(conversation, request, conversation.agents[0])
        assert len(prompt.messages) == count + 2
