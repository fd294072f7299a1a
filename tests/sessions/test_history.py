"""What was said: stored through the API, told again, forgotten."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from agents.llm.own.offline import ECHO
from agents.models import Developer
from sessions.errors import TurnLost
from sessions.history.entries import new_entry, save_entries
from sessions.history.turns import end_turn, enter_turn
from sessions.models import Entry, EntrySource, Session
from tests.api_client import ApiClient
from tests.sessions.conftest import Json, messages_of

OpenSession = Callable[..., Json]
HI = {"role": "user", "content": "hi"}
PARTS = [
    {"type": "text", "text": "what is this?"},
    {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
]


def _new(text: str, source: str = EntrySource.API_REQUEST) -> Entry:
    return new_entry({"role": "user", "content": text}, source=source, model=ECHO)


def _said(session_id: Any) -> list[str]:
    return list(Entry.objects.filter(session_id=session_id).values_list("content", flat=True))


def test_an_appended_message_is_told(api: ApiClient, session: Json) -> None:
    stored = api.post(messages_of(session), {**HI, "name": "Ada"})
    assert stored.status_code == 201
    entry = stored.json()
    assert entry.pop("jobs") == []
    assert (entry["role"], entry["content"], entry["name"], entry["source"]) == ("user", "hi", "Ada", "api_request")
    assert entry["token_count"] > 0
    assert entry["tokenizer"]
    assert entry["timestamp"] == entry["created_at"]
    history = api.get(f"/sessions/{session['id']}/history").json()
    assert history == {
        "session_id": session["id"],
        "created_at": session["created_at"],
        "relations": [],
        "entries": [entry],
    }
    assert api.get(messages_of(session)).json() == {"items": [entry]}


def test_an_appended_message_is_not_a_template(api: ApiClient, session: Json) -> None:
    entry = api.post(messages_of(session), {"role": "user", "content": "{{ agent.name }} {{ a.b.c }} {%"}).json()
    assert entry["content"] == "{{ agent.name }} {{ a.b.c }} {%"


@pytest.mark.parametrize(
    ("content", "kept"),
    [(PARTS, PARTS), (["a", "b"], [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])],
)
def test_parts(api: ApiClient, session: Json, content: Any, kept: Any) -> None:
    assert api.post(messages_of(session), {"role": "user", "content": content}).json()["content"] == kept


@pytest.mark.parametrize("call_id", ["c1", "c" * 16_384])
def test_a_call_and_its_result(api: ApiClient, session: Json, call_id: str) -> None:
    call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
    asked = api.post(messages_of(session), {"role": "assistant", "content": None, "tool_calls": [call]}).json()
    assert asked["content"] is None
    assert asked["tool_calls"] == [{**call, "function": {"name": "f", "arguments": '{"x":1}'}}]
    answered = api.post(messages_of(session), {"role": "tool", "tool_call_id": call_id, "content": ""}).json()
    assert (answered["tool_call_id"], answered["content"]) == (call_id, "")


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({"role": "narrator", "content": "a"}, "role", "enum"),
        ({"content": "a"}, "role", "missing"),
        ({"role": "user"}, "content", "string_too_short"),
        ({"role": "user", "content": None}, "content", "string_too_short"),
        ({"role": "system", "content": ""}, "content", "string_too_short"),
        ({"role": "user", "content": []}, "content", "string_too_short"),
        ({"role": "assistant", "content": None}, "content", "string_too_short"),
        ({"role": "user", "content": " \n"}, "content", "string_too_short"),
        ({"role": "user", "content": [{"type": "text", "text": ""}, " "]}, "content", "string_too_short"),
        ({"role": "user", "content": 7}, "content", "string_type"),
        ({"role": "user", "content": [7]}, "content[0]", "dict_type"),
        ({"role": "user", "content": [{"type": "video"}]}, "content[0].type", "enum"),
        ({"role": "user", "content": [{"type": "text"}]}, "content[0].text", "missing"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, "content[0].image_url.url", "missing"),
        ({"role": "tool", "content": "a"}, "tool_call_id", "missing"),
        ({"role": "assistant", "content": "", "tool_calls": [{}]}, "tool_calls[0].id", "missing"),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "tool_calls[0].function", "missing"),
        ({"role": "user", "content": "a", "name": "x" * 256}, "name", "string_too_long"),
        ({"role": "tool", "content": "a", "tool_call_id": "x" * 16_385}, "tool_call_id", "string_too_long"),
        ({"role": "assistant", "tool_calls": [{"id": "x" * 16_385}]}, "tool_calls[0].id", "string_too_long"),
    ],
)
def test_bad_messages(api: ApiClient, session: Json, body: Any, loc: str, kind: str) -> None:
    response = api.post(messages_of(session), body)
    assert response.status_code == 422
    assert [(entry["loc"], entry["type"]) for entry in response.json()["error"]["details"]] == [(loc, kind)]
    assert not Entry.objects.exists()


def test_a_message_of_ten_megabytes(api: ApiClient, session: Json) -> None:
    text = "tide " * (2 * 1024 * 1024)
    stored = api.post(messages_of(session), {"role": "user", "content": text})
    assert (stored.status_code, len(stored.json()["content"])) == (201, len(text))
    assert stored.json()["token_count"] > 1_000_000


def test_a_message_larger_than_a_body_may_be(api: ApiClient, session: Json, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 1000
    response = api.post(messages_of(session), {"role": "user", "content": "x" * 1000})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "http_413")
    assert not Entry.objects.exists()


def test_nul_is_removed_and_lone_surrogates_are_refused(api: ApiClient, session: Json) -> None:
    assert api.post(messages_of(session), {"role": "user", "content": "a\0b"}).json()["content"] == "ab"
    refused = api.post(messages_of(session), raw=b'{"role": "user", "content": "\\udc80"}')
    assert (refused.status_code, refused.json()["error"]["details"][0]["type"]) == (422, "json_invalid")


def test_pages_of_messages(api: ApiClient, session: Json) -> None:
    for number in range(5):
        api.post(messages_of(session), {"role": "user", "content": str(number)})

    def page(query: str) -> list[str]:
        return [item["content"] for item in api.get(messages_of(session), query).json()["items"]]

    assert page("limit=2&offset=1") == ["1", "2"]
    assert page("direction=desc&limit=2") == ["4", "3"]
    assert page("offset=5") == []


def test_notes_of_the_server_are_not_told_but_what_they_stand_for(api: ApiClient, session: Json) -> None:
    first, second = save_entries(session["id"], [_new("one"), _new("two")])
    [summary] = save_entries(session["id"], [_new("all", EntrySource.SUMMARIZER)])
    Entry.objects.filter(pk__in=[first.pk, second.pk]).update(superseded_by=summary)
    told = api.get(f"/sessions/{session['id']}/history").json()["entries"]
    assert [entry["content"] for entry in told] == ["one", "two"]


def test_clearing_forgets_everything_of_this_session_only(api: ApiClient, open_session: OpenSession) -> None:
    cleared, other = open_session(), open_session()
    for session in (cleared, other):
        api.post(messages_of(session), HI)
    gone = api.delete(f"/sessions/{cleared['id']}/history")
    assert (gone.status_code, gone.json()["id"], gone.json()["jobs"]) == (202, cleared["id"], [])
    assert api.get(f"/sessions/{cleared['id']}/history").json()["entries"] == []
    assert _said(other["id"]) == ["hi"]
    assert api.post(messages_of(cleared), HI).status_code == 201


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("ending", ["history", "messages"])
def test_a_history_takes_as_many_queries_however_long(
    api: ApiClient, session: Json, ending: str, count: int, django_assert_num_queries: Any
) -> None:
    save_entries(session["id"], [_new(str(number)) for number in range(count)])
    # A history also says which calls wait for a person.
    with django_assert_num_queries(5 + (ending == "history")):
        assert api.get(f"/sessions/{session['id']}/{ending}").status_code == 200


def test_tools_of_all_agents(api: ApiClient, agent: Json, open_session: OpenSession) -> None:
    other = api.post("/agents", {"name": "Other"}).json()
    for owner, name in ((agent, "first"), (other, "second")):
        api.post(f"/agents/{owner['id']}/tools", {"name": name, "type": "function", "function": {"parameters": {}}})
    alone = open_session()
    both = open_session(agents=[agent["id"], other["id"]])
    for session, names in ((alone, {"first"}), (both, {"first", "second"})):
        items = api.get(f"/sessions/{session['id']}/tools").json()["items"]
        assert {item["name"] for item in items} == names


@pytest.mark.django_db(transaction=True)
def test_entries_of_one_writer_stand_together(developer: Developer) -> None:
    session = Session.objects.create(developer=developer)
    barrier = Barrier(8)

    def write(writer: int) -> None:
        try:
            entries = [_new(f"{writer}") for _ in range(20)]
            barrier.wait(10)
            save_entries(session.pk, entries)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    said = _said(session.pk)
    assert len(said) == 160
    assert all(len(set(said[start : start + 20])) == 1 for start in range(0, 160, 20))
    assert list(session.entries.values_list("seq", flat=True)) == list(range(1, 161))


def test_a_turn_that_is_over_stores_nothing(developer: Developer) -> None:
    session = Session.objects.create(developer=developer)
    turn = enter_turn(developer, session.pk)
    end_turn(turn)
    with pytest.raises(TurnLost):
        save_entries(session.pk, [_new("late")], turn=turn)
    session.refresh_from_db()
    assert (_said(session.pk), session.entry_count) == ([], 0)


def test_a_turn_is_finished_by_what_it_stores(developer: Developer) -> None:
    session = Session.objects.create(developer=developer)
    turn = enter_turn(developer, session.pk)
    [entry] = save_entries(session.pk, [_new("in time")], turn=turn)
    turn.refresh_from_db()
    assert (entry.turn_id, turn.status) == (turn.pk, "finished")
    with pytest.raises(TurnLost):
        save_entries(session.pk, [_new("again")], turn=turn)
    assert _said(session.pk) == ["in time"]
