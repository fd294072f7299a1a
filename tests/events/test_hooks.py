"""Hooks: what their calls begin, once each, and what is refused."""

import base64
import gzip
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.test import Client

from agents.audit.models import AuditRecord
from agents.models import Developer
from agents.vault.models import Secret
from executions.events.models import Event
from executions.hooks import keepers
from executions.hooks.models import Hook, HookCall
from executions.models import Execution
from tests import described
from tests.at_once import statuses_at_once
from tests.backend import flush_redis
from tests.events.conftest import Events

Json = dict[str, Any]
EVENT = {"type": "event", "name": "order.paid", "data": {"order": "$ body['order']"}}


class Door:
    """A hook, and somebody without a key who calls it."""

    def __init__(self, events: Events, capture: Any, **body: Any) -> None:
        self._capture = capture
        self.api = events.api
        made = self.api.post("/hooks", {"name": "h", "target": EVENT, "scheme": "none", **body})
        assert made.status_code == 201, made.json()
        self.made: Json = made.json()
        self.path = urlsplit(self.made["url"]).path
        self.at = f"/hooks/{self.made['id']}"
        self.browser = Client(raise_request_exception=False)

    def call(
        self, body: Any = None, *, raw: bytes | None = None, media: str = "application/json", **headers: str
    ) -> Any:
        data = json.dumps(body).encode() if raw is None else raw
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with self._capture(execute=True):
            answer = self.browser.generic("POST", self.path, data, content_type=media, headers=sent)
        return described.hold("POST", self.path, answer)

    def calls(self) -> list[Json]:
        found: list[Json] = self.api.get(f"{self.at}/calls").json()["items"]
        return found


@pytest.fixture
def door(events: Events, django_capture_on_commit_callbacks: Any) -> Any:
    def make(**body: Any) -> Door:
        return Door(events, django_capture_on_commit_callbacks, **body)

    return make


def test_a_call_starts_a_task(events: Events, door: Any) -> None:
    task = events.task({"evaluate": "$ _.n + 1"})
    target = {"type": "task", "task_id": task, "input": {"n": "$ body.items[0].n", "by": "$ headers.get('x-by')"}}
    hook = door(target=target)
    answer = hook.call({"items": [{"n": 4}]}, x_by="ann", cookie="c", authorization="secret")
    assert (answer.status_code, answer["Cache-Control"]) == (202, "no-store")
    told = answer.json()
    run = events.run({"id": told["execution_id"]})
    assert (run["output"], run["input"], told["type"]) == (5, {"n": 4, "by": "ann"}, "task")
    assert run["metadata"] == {"hook_id": hook.made["id"], "hook_call_id": told["id"]}
    (call,) = hook.calls()
    assert (call["status"], call["began"], call["is_whole"]) == ("accepted", {"type": "task", "id": run["id"]}, True)
    assert json.loads(call["request"]["text"]) == {"items": [{"n": 4}]}
    assert set(call["request"]["headers"]) == {"content-type", "content-length", "x-by"}
    begun = AuditRecord.objects.get(object_kind="execution", verb="create")
    assert (begun.actor_kind, begun.actor_id) == ("hook", hook.made["id"])


def test_a_call_records_an_event_and_a_repeated_call_is_answered_alike(events: Events, door: Any) -> None:
    hook = door(deduplicate_by="$ headers.get('x-id')")
    run = events.start({"wait_for_event": {"name": "order.paid", "match": {"order": "a"}}})
    first = hook.call({"order": "a"}, x_id="1")
    again = hook.call({"order": "b"}, x_id="1")
    other = hook.call({"order": "c"}, x_id="2")
    unnamed = [hook.call({"order": "d"}).json()["event_id"] for _ in range(2)]
    assert (again.status_code, again.json()) == (202, first.json())
    assert len({first.json()["event_id"], other.json()["event_id"], *unnamed}) == Event.objects.count() == 4
    assert [call["repeats"] for call in hook.calls()] == [0, 0, 0, 1]
    assert Event.objects.get(pk=first.json()["event_id"]).source_id == hook.made["id"]
    assert events.run(run)["output"]["data"] == {"order": "a"}


def test_a_call_answers_a_wait(events: Events, door: Any) -> None:
    run = events.start({"wait_for_input": {"info": "?"}}, {"evaluate": "$ _.ok"})
    token = next(row["metadata"]["task_token"] for row in events.flow.log(run["id"]) if row["type"] == "wait")
    hook = door(target={"type": "wait", "task_token": "$ query.token", "input": {"ok": "$ body.ok"}})
    hook.path += f"?token={token}"
    other = Developer.objects.create(email="other@example.com")
    Hook.objects.update(developer=other)
    assert hook.call({"ok": False}).status_code == 404
    Hook.objects.update(developer=Developer.objects.get(pk=UUID(int=0)))
    HookCall.objects.all().delete()
    assert hook.call({"ok": True}).json()["execution_id"] == run["id"]
    assert events.run(run)["output"] is True
    assert hook.call({"ok": True}).status_code == 400
    assert [call["status"] for call in hook.calls()] == ["failed", "accepted"]
    assert token not in str(hook.calls())


HAND = {"name": "hand", "type": "function", "function": {}, "approval": "always"}


@pytest.mark.parametrize(
    ("step", "tools"),
    [
        ({"tool": "hand", "arguments": {"to": "Eve"}}, [HAND]),
        ({"wait_for_input": {"info": {"assignees": ["key:Ann"]}}}, []),
        ({"wait_for_input": {"info": "?", "quorum": {"approve": 1}}}, []),
    ],
)
def test_a_call_answers_no_wait_that_needs_a_person(events: Events, door: Any, step: Json, tools: list[Json]) -> None:
    run = events.flow.start(events.task(step, tools=tools), {})
    (wait,) = [row for row in events.flow.log(run["id"]) if row["type"] == "wait"]
    asked = wait["output"]
    given = {"id": asked["id"], "hash": asked["hash"], "decision": "approve"} if tools else {"approve": True}
    hook = door(target={"type": "wait", "task_token": "$ body.token", "input": "$ body.input"})
    answer = hook.call({"token": wait["metadata"]["task_token"], "input": given})
    assert answer.status_code == 403, answer.json()
    (call,) = hook.calls()
    assert (call["status"], "person" in call["reason"]) == ("failed", True)
    # Nor does it decide if somebody has the call taken again: it is still what came from outside.
    assert hook.api.post(f"{hook.at}/calls/{call['id']}/replay").status_code == 403
    assert events.run(run)["status"] == "awaiting_input"


def test_a_hook_is_changed_and_outlives_its_task(events: Events, door: Any) -> None:
    task = events.task({"evaluate": "$ 1"})
    hook = door(scheme="slack", target={"type": "task", "task_id": task})
    own = hook.api.get(hook.at).json()
    assert own["deduplicate_by"] == "$ body.get('event_id')"
    changed = hook.api.patch(hook.at, {"scheme": "none", "name": "other"}).json()
    assert (changed["name"], changed["deduplicate_by"], changed["target"]) == ("other", None, own["target"])
    chosen = hook.api.patch(hook.at, {"deduplicate_by": "$ body.id", "calls_per_minute": 9}).json()
    assert hook.api.patch(hook.at, {"scheme": "stripe"}).json()["deduplicate_by"] == chosen["deduplicate_by"]
    for target in ({}, {"name": "x"}):
        assert hook.api.patch(hook.at, {"target": target}).status_code == 422
    body = {"name": "h", "target": own["target"], "scheme": "none"}
    replaced = hook.api.put(hook.at, body).json()
    assert (replaced["deduplicate_by"], replaced["calls_per_minute"]) == (None, None)
    agent = events.api.get(f"/tasks/{task}").json()["agent_id"]
    assert events.api.delete(f"/agents/{agent}/tasks/{task}").status_code == 202
    assert hook.api.get(hook.at).json()["target"] == {"type": "task", "task_id": None}
    assert hook.call({}).status_code == 404
    assert hook.calls()[0]["reason"] == "The task of the hook is gone"


def test_a_call_that_the_task_does_not_take_is_told_with_the_reason(events: Events, door: Any) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    task = events.flow.create({"main": [{"evaluate": "$ _.n"}], "input_schema": schema}).json()["id"]
    hook = door(target={"type": "task", "task_id": task, "input": {"n": "$ body.n"}})
    assert hook.call({"n": "x"}).status_code == 400
    assert hook.calls()[0]["reason"] == "Invalid request arguments schema: $.n: 'x' is not of type 'integer'"


def test_a_body_is_read_as_its_type_says(events: Events, door: Any) -> None:
    hook = door(target={"type": "event", "name": "seen", "data": {"body": "$ body"}})
    form = "application/x-www-form-urlencoded"
    sent = [
        (b'{"a": [1]}', "application/json", {"a": [1]}),
        (b"a=1&a=2&b=%C3%A4", form, {"a": "1", "b": "\u00e4"}),
        (b"hello", "text/plain", "hello"),
        (b"", "application/json", {}),
        (b"a=%00b", form, {"a": "b"}),
        (b"<a/>", "application/xml", "<a/>"),
        (b"plain", "", "plain"),
        (b'[{"a": 1}]', "", [{"a": 1}]),
    ]
    for raw, media, read in sent:
        event_id = hook.call(raw=raw, media=media).json()["event_id"]
        assert Event.objects.get(pk=event_id).data == {"body": read}
    assert hook.call(raw=b"&".join([b"a=1"] * 300), media=form).status_code == 422
    packed = hook.call(raw=gzip.compress(b"{}"), content_encoding="gzip")
    assert (packed.status_code, packed.json()["error"]["code"]) == (415, "content_encoding_refused")
    assert hook.call(raw=b"{}", content_encoding="identity").status_code == 202
    payload = door(target={"type": "event", "name": "seen", "data": "$ json.loads(body.payload)"})
    event_id = payload.call(raw=b"payload=%7B%22a%22%3A1%7D", media=form).json()["event_id"]
    assert Event.objects.get(pk=event_id).data == {"a": 1}


def test_what_cannot_be_read_or_mapped_is_refused_and_told(events: Events, door: Any, settings: Any) -> None:
    settings.MAX_HOOK_BYTES, settings.HOOK_KEPT_BYTES = 2000, 10
    hook = door(target={**EVENT, "data": {"order": "$ body.order.id"}})
    assert hook.call(raw=b"{not json").status_code == 422
    told = hook.call({"order": 1})
    assert told.status_code == 400
    assert hook.call({"order": {"id": 1}}).status_code == 202
    assert hook.call({"order": "x" * 3000}).status_code == 413
    assert door(target={**EVENT, "data": "$ body"}).call([1]).status_code == 400
    accepted, failed, unread = hook.calls()
    assert [accepted["status"], failed["status"], unread["status"]] == ["accepted", "failed", "failed"]
    listed = hook.api.get(f"{hook.at}/calls", {"status": "failed"}).json()["items"]
    assert [call["id"] for call in listed] == [failed["id"], unread["id"]]
    assert hook.api.get(f"{hook.at}/calls", {"status": "x"}).status_code == 422
    assert "body.order.id" in failed["reason"] and "Invalid JSON" in unread["reason"]
    assert (failed["request"]["text"], failed["is_whole"], failed["size"]) == ('{"order": ', False, 12)
    assert "body.order" not in told.content.decode()
    assert Event.objects.count() == 1


def test_who_is_let_in(events: Events, door: Any) -> None:
    hook = door()
    unknown = f"/hooks/hk_{'a' * 43}"
    for path in (unknown, "/hooks/nothing"):
        for method in ("GET", "POST"):
            assert hook.browser.generic(method, path).status_code == 404
    looked = hook.browser.get(hook.path)
    assert (looked.status_code, looked.json()) == (200, {"status": "ok"})
    assert hook.browser.put(hook.path).status_code == 405
    stored = Hook.objects.get()
    token = hook.path.rpartition("/")[2]
    assert token.encode() not in bytes(stored.digest) and token not in str(AuditRecord.objects.values_list())
    assert "url" not in hook.api.get(hook.at).json()
    moved = urlsplit(hook.api.post(f"{hook.at}/rotate").json()["url"]).path
    assert hook.call({"order": 1}).status_code == 404
    hook.path = moved
    assert hook.call({"order": 1}).status_code == 202
    Developer.objects.update(active=False)
    assert hook.call({"order": 1}).status_code == 404


def _signed_by(hook: Any, secret: str) -> int:
    body = b'{"order": 7}'
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    status: int = hook.call(raw=body, x_hub_signature_256=signature).status_code
    return status


def test_a_secret_that_is_replaced_counts_for_a_while(events: Events, door: Any) -> None:
    hook = door(scheme="github")
    first = hook.made["secret"]
    rotated = hook.api.post(f"{hook.at}/rotate_secret", {"overlap_seconds": 3600}).json()
    second = rotated["secret"]
    assert rotated["previous_secret_until"] == hook.api.get(hook.at).json()["previous_secret_until"] is not None
    assert first != second and first not in Hook.objects.get().previous_sealed
    assert [_signed_by(hook, secret) for secret in (first, second, "another")] == [202, 202, 403]
    Hook.objects.update(previous_until="2026-01-01T00:00:00Z")
    assert hook.api.get(hook.at).json()["previous_secret_until"] is None
    assert [_signed_by(hook, secret) for secret in (first, second)] == [403, 202]

    # The one before the one before counts no more, and neither does what is replaced at once.
    third = hook.api.post(f"{hook.at}/rotate_secret", {}).json()["secret"]
    assert [_signed_by(hook, secret) for secret in (first, second, third)] == [403, 202, 202]
    fourth = hook.api.post(f"{hook.at}/rotate_secret", {"overlap_seconds": 0}).json()
    assert fourth["previous_secret_until"] is None
    assert [_signed_by(hook, secret) for secret in (second, third, fourth["secret"])] == [403, 403, 202]
    assert Secret.objects.count() == 1


def test_a_secret_is_replaced_by_another_of_the_developer(events: Events, door: Any) -> None:
    hook = door(scheme="github")
    made = hook.made["secret"]
    events.api.post("/secrets", {"name": "FROM_GITHUB", "value": "given"})
    named = {"secret_name": "FROM_GITHUB"}
    rotated = hook.api.post(f"{hook.at}/rotate_secret", named).json()
    assert (rotated["secret"], rotated["secret_name"]) == (None, "FROM_GITHUB")
    assert [_signed_by(hook, secret) for secret in (made, "given")] == [202, 202]
    assert Secret.objects.get().name == "FROM_GITHUB"
    for body, loc in (
        (named, "secret_name"),
        ({"secret_name": "NOWHERE"}, "secret_name"),
        ({"overlap_seconds": -1}, ""),
    ):
        refused = hook.api.post(f"{hook.at}/rotate_secret", body)
        assert refused.status_code == 422 and loc in refused.json()["error"]["details"][0]["loc"]
    # Who names another one by a change means that one only.
    events.api.post("/secrets", {"name": "OTHER", "value": "other"})
    changed = hook.api.patch(hook.at, {"secret_name": "OTHER"}).json()
    assert changed["previous_secret_until"] is None
    assert [_signed_by(hook, secret) for secret in (made, "given", "other")] == [403, 403, 202]
    assert hook.api.post(f"{door(scheme='none').at}/rotate_secret", {}).status_code == 400


def test_a_secret_is_made_told_once_and_gone_with_its_hook(events: Events, door: Any) -> None:
    hook = door(scheme="github")
    secret = hook.made["secret"]
    assert Secret.objects.get().name == hook.made["secret_name"]
    body = b'{"order": 7}'
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert hook.call(raw=body, x_hub_signature_256=signature).status_code == 202
    assert hook.call(raw=body + b" ", x_hub_signature_256=signature).status_code == 403
    assert hook.call(raw=body).status_code == 403
    refused = hook.calls()[0]
    assert (refused["status"], refused["reason"]) == ("refused", "The header x-hub-signature-256 is missing")
    # A secret that cannot be read lets nobody in either, not even later.
    Secret.objects.update(sealed=b"?" * 64)
    assert hook.call(raw=body, x_by="ann", x_hub_signature_256=signature).status_code == 503
    unread = hook.calls()[0]
    for call in (refused, unread):
        assert call["request"] == {"method": "POST", "headers": {}, "query": {}, "text": ""}
        assert hook.api.post(f"{hook.at}/calls/{call['id']}/replay").status_code == 409
    # A hook is never without one, unless its calls are not signed.
    assert hook.api.patch(hook.at, {"scheme": "none"}).json()["secret_name"] == hook.made["secret_name"]
    assert hook.api.delete(hook.at).status_code == 202
    assert not Secret.objects.exists() and not HookCall.objects.exists()
    assert hook.call(raw=body, x_hub_signature_256=signature).status_code == 404


def test_slack_gets_its_challenge_back(events: Events, door: Any) -> None:
    hook = door(scheme="slack", target={"type": "event", "name": "slack.seen", "data": {"type": "$ body.event.type"}})

    def signed(body: Json) -> Any:
        raw, at = json.dumps(body).encode(), str(int(time.time()))
        mac = hmac.new(hook.made["secret"].encode(), f"v0:{at}:".encode() + raw, hashlib.sha256).hexdigest()
        return hook.call(raw=raw, x_slack_request_timestamp=at, x_slack_signature=f"v0={mac}")

    assert signed({"type": "url_verification", "challenge": "3eZbrw"}).json() == {"challenge": "3eZbrw"}
    event = {"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention"}}
    assert signed(event).json() == signed(event).json()
    assert Event.objects.get().data == {"type": "app_mention"}
    assert hook.call({"type": "url_verification", "challenge": "x"}).status_code == 403


def test_a_paused_hook_takes_nothing_and_a_call_can_be_made_again(events: Events, door: Any) -> None:
    hook = door(deduplicate_by="$ body.id")
    assert hook.api.patch(hook.at, {"paused": True}).json()["paused"] is True
    assert hook.call({"order": 1, "id": 5}).status_code == 503
    (call,) = hook.calls()
    assert call["status"] == "paused"
    again = f"{hook.at}/calls/{call['id']}/replay"
    replayed = hook.api.post(again)
    assert replayed.status_code == 202, replayed.json()
    assert replayed.json()["replay_of"] == call["id"]
    assert hook.api.patch(hook.at, {"paused": False}).status_code == 200
    # The sender tries again what was taken for him meanwhile.
    assert hook.call({"order": 1, "id": 5}).json()["id"] == replayed.json()["id"]
    assert hook.api.post(again).json()["id"] == replayed.json()["id"]
    assert Event.objects.count() == 1
    # What has begun something is taken again as often as is asked.
    began = f"{hook.at}/calls/{replayed.json()['id']}/replay"
    assert [hook.api.post(began).status_code for _ in range(2)] == [202, 202]
    assert [event.data for event in Event.objects.all()] == [{"order": 1}] * 3
    cut = hook.call({"order": "x" * 100_000, "id": 6})
    assert cut.status_code == 400  # larger than an event may be
    assert hook.api.post(f"{hook.at}/calls/{hook.calls()[0]['id']}/replay").status_code == 409


def test_so_many_calls_of_a_hook_are_taken_in_a_minute(events: Events, door: Any, settings: Any) -> None:
    flush_redis()
    hook, other = door(calls_per_minute=2), door()
    assert [hook.call({"order": 1}).status_code for _ in range(3)] == [202, 202, 429]
    assert len(hook.calls()) == 2
    settings.EVENTS_PER_MINUTE = 3
    assert other.call({"order": 1}).status_code == 202
    assert other.call({"order": 1}).status_code == 429
    settings.EVENTS_PER_MINUTE = 0
    # What was refused for the hook does not count for all of them.
    settings.TENANT_HOOK_CALLS_PER_MINUTE = 5
    assert [other.call({"order": 1}).status_code for _ in range(2)] == [202, 429]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"target": {"type": "task"}}, "target.task_id"),
        ({"target": {"type": "event"}}, "target.name"),
        ({"target": {"type": "event", "name": "job.done"}}, "target.name"),
        ({"target": {"type": "event", "name": "a", "task_token": "$ body"}}, "target.task_token"),
        ({"target": {"type": "event", "name": "a", "data": "$ steps[0]"}}, "target"),
        ({"target": {"type": "event", "name": "a", "data": "$ open('x')"}}, "target"),
        ({"target": {"type": "event", "name": "a", "data": "$ 1 +"}}, "target"),
        ({"target": {"type": "event", "name": "a", "key": ""}}, "target.key"),
        ({"deduplicate_by": "$ env"}, "deduplicate_by"),
        ({"deduplicate_by": "body.id"}, "deduplicate_by"),
        ({"scheme": "github", "secret_name": "nothing"}, "secret_name"),
        ({"scheme": "hmac", "options": {"algorithm": "md5"}}, "options.algorithm"),
    ],
)
def test_a_hook_that_cannot_work_is_refused(events: Events, body: Json, place: str) -> None:
    answer = events.api.post("/hooks", {"name": "h", "target": EVENT, "scheme": "none", **body})
    assert answer.status_code == 422, answer.json()
    assert answer.json()["error"]["details"][0]["loc"] == place
    assert not Hook.objects.exists()


def test_what_tells_repeated_calls_is_seen_among_any_other_headers(events: Events, door: Any) -> None:
    hook = door(scheme="standard")
    key = base64.b64decode(hook.made["secret"].removeprefix("whsec_"))
    at = str(int(time.time()))
    mac = hmac.new(key, f"msg_1.{at}.".encode() + b'{"order": 1}', hashlib.sha256).digest()
    signed = {
        "webhook_id": "msg_1",
        "webhook_timestamp": at,
        "webhook_signature": f"v1,{base64.b64encode(mac).decode()}",
    }
    for more in ({}, {f"a_{number}": "x" for number in range(60)}):
        assert hook.call(raw=b'{"order": 1}', **signed, **more).status_code == 202
    assert Event.objects.count() == 1


def test_what_is_not_stored_of_a_call(events: Events, door: Any) -> None:
    """A key with what no column takes, and where the signature of the hook stands."""
    hook = door(deduplicate_by="$ body.id")
    assert hook.call(raw=b"id=a%00b&order=1", media="application/x-www-form-urlencoded").status_code == 202
    assert hook.calls()[0]["known_by"] == "ab"
    signed = door(scheme="hmac", options={"header": "X-Mac"})
    mac = hmac.new(signed.made["secret"].encode(), b'{"order": 1}', hashlib.sha256).hexdigest()
    assert signed.call(raw=b'{"order": 1}', x_mac=mac, x_by="ann").status_code == 202
    assert {"x-by"} == signed.calls()[0]["request"]["headers"].keys() - {"content-type", "content-length"}


def test_old_calls_are_forgotten(events: Events, door: Any, settings: Any) -> None:
    hook = door()
    hook.call({"order": 1})
    assert keepers.prune() == 0
    HookCall.objects.update(created_at="2020-01-01T00:00:00Z")
    assert keepers.prune() == 1


@pytest.mark.django_db(transaction=True)
def test_of_the_same_call_at_once_one_begins_something(settings: Any, events: Events, door: Any) -> None:
    task = events.task({"evaluate": "$ 1"})
    hook = door(target={"type": "task", "task_id": task}, deduplicate_by="$ body.id")

    def call(number: int) -> Any:
        return Client().post(hook.path, {"id": "x"}, content_type="application/json")

    assert statuses_at_once(call) == [202] * 6
    assert (Execution.objects.count(), HookCall.objects.get().repeats) == (1, 5)
