"""Answers by a link, from people without an account."""

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.test import Client

from agents.audit.models import AuditRecord
from agents.models import Developer
from agents.retention.pace import Pace
from executions.links.models import WaitLink
from executions.links.tokens import new_token
from executions.models import Transition
from executions.operating import pausing
from executions.removal.expiry import remove_runs
from julep_project.core.pauses import standing
from julep_project.core.pauses.models import PauseScope
from tests.at_once import statuses_at_once
from tests.executions_api.conftest import tokens
from tests.flow_runner import FlowRunner

Json = dict[str, Any]
HOSTILE = "<script>alert(1)</script>\u202egpj.exe"
SCHEMA = {
    "type": "object",
    "properties": {
        "ok": {"type": "boolean", "title": "Ship <b>it</b>?"},
        "amount": {"type": "integer", "minimum": 1},
        "how": {"enum": ["by sea", "by air"]},
    },
    "required": ["ok", "amount"],
}


class Door:
    """A run that waits, links to its wait, and a browser that nobody is logged in to."""

    def __init__(self, flow: FlowRunner, capture: Any) -> None:
        self.flow, self._capture = flow, capture
        self.browser = Client()

    def start(self, info: Any, *after: Json, given: Json | None = None, **asked: Any) -> Json:
        created = self.flow.create({"main": [{"wait_for_input": {"info": info, **asked}}, *after]})
        assert created.status_code == 201, created.json()
        return self.flow.start(created.json()["id"], given or {})

    def place(self, run: Json) -> str:
        (wait,) = (row["id"] for row in self.flow.log(run["id"]) if row["type"] == "wait")
        return f"/executions/{run['id']}/transitions/{wait}/links"

    def link(self, run: Json, **body: Any) -> Json:
        made = self.flow.api.post(self.place(run), body)
        assert made.status_code == 201, made.json()
        link: Json = made.json()
        return {**link, "path": urlsplit(link["url"]).path}

    def send(self, link: Json, **form: str) -> Any:
        fields = {name if name == "value" else f"field-{name}": value for name, value in form.items()}
        with self._capture(execute=True):
            return self.browser.post(link["path"], fields, content_type="application/x-www-form-urlencoded")

    def post(self, link: Json, text: str) -> Any:
        with self._capture(execute=True):
            return self.browser.generic("POST", link["path"], text, content_type="application/x-www-form-urlencoded")


@pytest.fixture
def door(flow: FlowRunner, settings: Any, django_capture_on_commit_callbacks: Any) -> Door:
    settings.LINK_REQUESTS_PER_MINUTE = 0
    return Door(flow, django_capture_on_commit_callbacks)


def test_a_person_without_an_account_answers_once(door: Door) -> None:
    run = door.start({"question": "Ship order 7?", "weight": {"kg": 3}, "schema": SCHEMA}, {"evaluate": "$ _"})
    link = door.link(run, answers_as="Ann <ann@example.com>", expires_in=3600)
    stored = WaitLink.objects.get()
    token = link["path"].rpartition("/")[2]
    assert token.encode() not in bytes(stored.digest) and token not in str(AuditRecord.objects.values_list())
    assert (link["answers_as"], link["answered_at"]) == ("Ann <ann@example.com>", None)
    # Whoever looks through mails looks at links, too, and more than once.
    for _ in range(2):
        shown = door.browser.get(link["path"])
        assert shown.status_code == 200
    page = shown.content.decode()
    assert "Ship order 7?" in page and "&quot;kg&quot;: 3" in page and "Ann &lt;ann@example.com&gt;" in page
    assert "Ship &lt;b&gt;it&lt;/b&gt;?" in page and "<script" not in page
    assert door.browser.head(link["path"]).content == b""
    assert door.flow.settle(run["id"])["status"] == "awaiting_input"

    sent = door.post(link, "field-ok=no&field-amount=5&field-how=by+sea")
    assert (sent.status_code, sent.headers["Location"]) == (302, link["path"])
    assert door.flow.settle(run["id"])["output"] == {"ok": False, "amount": 5, "how": "by sea"}
    resumed = Transition.objects.get(type="resume").metadata["resumed_by"]
    assert resumed == {"kind": "link", "id": link["id"], "name": "Ann <ann@example.com>"}
    act = AuditRecord.objects.get(verb="resume")
    assert (act.actor_kind, act.actor_label, act.object_id) == ("link", "Ann <ann@example.com>", run["id"])
    told = door.flow.api.get(door.place(run)).json()["items"]
    assert [each["answered_at"] is not None for each in told] == [True] and "url" not in told[0]

    for again in (door.post(link, "field-ok=yes&field-amount=1"), door.browser.get(link["path"])):
        assert "This was answered" in again.content.decode() and "Ann &lt;ann@" in again.content.decode()
    assert (door.post(link, "").status_code, again.status_code) == (409, 200)
    assert Transition.objects.filter(type="resume").count() == 1


def test_the_page_keeps_to_itself(door: Door) -> None:
    run = door.start({"question": HOSTILE, HOSTILE: HOSTILE, "schema": {**SCHEMA, "required": []}})
    link = door.link(run, answers_as=HOSTILE)
    shown = door.browser.get(link["path"])
    page = shown.content.decode()
    assert "<script" not in page and "\u202e" not in page and "⟪U+202E⟫" in page
    policy = shown.headers["Content-Security-Policy"]
    (nonce,) = re.findall(r"'nonce-([\w-]+)'", policy)
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and f'nonce="{nonce}"' in page
    assert door.browser.get(link["path"]).headers["Content-Security-Policy"] != policy
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert shown.headers["X-Frame-Options"] == "DENY"
    assert shown.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert shown.headers["Cache-Control"] == "no-store"
    assert not re.search(r"(?:src|href)=", page) and not shown.cookies
    refused = door.post(link, "field-amount=" + HOSTILE)
    assert refused.status_code == 422 and "<script" not in refused.content.decode()


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("field-ok=yes&field-amount=five", "amount: &#x27;five&#x27; is no number"),
        ("field-ok=yes&field-amount=0", "amount: 0 is less than the minimum of 1"),
        ("field-amount=1", "Ship &lt;b&gt;it&lt;/b&gt;?: choose yes or no"),
        ("field-ok=yes&field-amount=1&field-how=by+rail", "how: choose one of"),
        ("", "choose yes or no"),
        ("field-ok=yes&field-amount=" + "9" * 5000, "is no number"),
    ],
    ids=["no number", "too small", "undecided", "no choice", "empty", "too many digits"],
)
def test_a_wrong_form_says_where_and_keeps_what_was_typed(door: Door, form: str, told: str) -> None:
    run = door.start({"schema": SCHEMA})
    link = door.link(run)
    refused = door.post(link, form)
    assert refused.status_code == 422, refused.content
    page = refused.content.decode()
    assert told in page
    if "five" in form:
        assert 'value="five"' in page and re.search(r'value="yes"[^>]*checked', page)
    assert door.post(link, "field-ok=yes&field-amount=2").status_code == 302
    assert door.flow.settle(run["id"])["output"] == {"ok": True, "amount": 2}


def test_without_a_schema_a_text_is_the_answer_and_with_another_one_json(door: Door) -> None:
    run = door.start("Why?")
    assert door.post(link := door.link(run), "value=+").status_code == 422
    assert door.post(link, "value=because+%E2%98%82").status_code == 302
    assert door.flow.settle(run["id"])["output"] == "because ☂"

    other = door.start({"schema": {"type": "array", "items": {"type": "integer"}}})
    link = door.link(other)
    for text, told in (("[1,", "This is no JSON"), ('["x"]', "[0]: &#x27;x&#x27; is not of type")):
        refused = door.send(link, value=text)
        assert refused.status_code == 422 or told in refused.content.decode()
    assert door.post(link, "value=[1]").status_code == 302
    assert door.flow.settle(other["id"])["output"] == [1]


def test_of_what_is_large_or_deep_a_page_shows_the_beginning(door: Door) -> None:
    deep: Any = [0] * 20_000
    for _ in range(80):
        deep = [deep]
    info = {"question": "Why?", "deep": deep, **{f"k{n}": n for n in range(5_000)}}
    link = door.link(door.start("$ _.info", given={"info": info}))
    shown = door.browser.get(link["path"]).content.decode()
    assert "Why?" in shown and "And 4901 more that are not shown" in shown
    assert len(shown) < 50_000


@pytest.mark.parametrize("required", [[{"a": 1}], ["a", ["b"]], "a"])
def test_a_schema_that_requires_nonsense_still_has_a_page(door: Door, required: Any) -> None:
    link = door.link(door.start({"schema": {"type": "object", "properties": {"a": {}}, "required": required}}))
    assert door.browser.get(link["path"]).status_code == 200
    assert door.post(link, "field-a=x").status_code == 302


@pytest.mark.parametrize("path", ["", "x", "A" * 54, "é" * 54, "A" * 1_000_000])
def test_tokens_that_were_never_given_out_are_told_nothing_and_ask_for_no_row(
    door: Door, path: str, django_assert_num_queries: Any
) -> None:
    link = door.link(door.start("?"))
    forged = link["path"][:-1] + ("A" if link["path"][-1] != "A" else "B")
    with django_assert_num_queries(0):
        answers = [door.browser.get(f"/answers/{path}"), door.browser.get(forged)]
    if path:
        assert {answer.status_code for answer in answers} == {404}
        pages = {re.sub("nonce=.*?>", "", answer.content.decode()) for answer in answers}
        # One that was signed here and is no longer stored looks the same.
        gone = door.browser.get(f"/answers/{new_token()}")
        assert pages == {re.sub("nonce=.*?>", "", gone.content.decode())} and gone.status_code == 404


def test_a_link_ends_with_what_it_is_for(door: Door) -> None:
    def told(link: Json) -> tuple[int, int, str]:
        page = door.browser.get(link["path"])
        return page.status_code, door.post(link, "value=x").status_code, page.content.decode()

    run = door.start("?")
    revoked, late, cancelled = (door.link(run) for _ in range(3))
    assert door.flow.api.delete(f"{door.place(run)}/{revoked['id']}").status_code == 202
    assert told(revoked)[:2] == (410, 410) and "taken back" in told(revoked)[2]
    WaitLink.objects.filter(pk=late["id"]).update(expires_at="2020-01-01T00:00:00Z")
    assert told(late)[:2] == (410, 410) and "expired" in told(late)[2]
    Developer.objects.update(active=False)
    assert told(cancelled)[0] == 410
    Developer.objects.update(active=True)
    door.flow.cancel(run["id"])
    assert told(cancelled)[:2] == (410, 410) and "Nothing waits here any more" in told(cancelled)[2]
    # Retention and erasure remove runs so.
    assert remove_runs([UUID(run["id"])], Pace()) == 1
    assert told(cancelled)[:2] == (404, 404) and not WaitLink.objects.exists()

    answered = door.start("?")
    link = door.link(answered)
    door.flow.resume(answered["id"], 1)
    assert told(link)[:2] == (410, 410)
    assert door.flow.api.post(door.place(answered)).status_code == 400

    door.flow.time_passes = False
    timed = door.start("?", timeout=60)
    link = door.link(timed)
    door.flow.time_passes = True
    door.flow.settle(timed["id"])
    assert told(link)[:2] == (410, 410)
    assert set(Transition.objects.filter(type="resume").values_list("execution", flat=True)) == {UUID(answered["id"])}


def test_while_work_is_paused_a_link_waits_too(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    run = door.start("?")
    link = door.link(run)
    pause = pausing.pause(scope=PauseScope.INTAKE, reason="a move")
    standing.forget()
    refused = door.post(link, "value=x")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    assert "a move" in refused.content.decode()
    assert caplog.records and link["path"].rpartition("/")[2] not in caplog.text
    pausing.lift(pause_id=pause.pk)
    standing.forget()
    assert door.post(link, "value=x").status_code == 302


def test_a_body_of_any_size_and_kind_is_refused(door: Door) -> None:
    run = door.start("?")
    link = door.link(run)
    assert door.post(link, "value=" + "x" * 70_000).status_code == 413
    announced = door.browser.generic("POST", link["path"], "value=x", CONTENT_LENGTH="9" * 5000)
    assert announced.status_code == 413
    many = door.post(link, "&".join(f"a{n}=" for n in range(5_000)))
    assert many.status_code in (400, 422)
    json_body = door.browser.post(link["path"], {"value": "x"}, content_type="application/json")
    assert json_body.status_code == 422
    assert door.browser.put(link["path"]).status_code == 405
    assert door.flow.settle(run["id"])["status"] == "awaiting_input"


def test_only_links_that_the_wait_names_may_answer_it(door: Door) -> None:
    info = {"assignees": ["link:ann", "link:bob", "key:x"]}
    run = door.start(info, {"evaluate": "$ [one.by.name for one in _.answers]"}, quorum={"approve": 2})
    for name in ("", "Eve", "key:x"):
        assert door.flow.api.post(door.place(run), {"answers_as": name}).status_code == 403
    first, second, other = (door.link(run, answers_as=name) for name in ("ann", "ann", "bob"))
    assert "0 of 2 approved" in door.browser.get(first["path"]).content.decode()
    assert door.post(first, "field-comment=hm").status_code == 422
    assert door.post(first, "field-approve=yes&field-comment=fine").status_code == 302
    # The same person with another link.
    twice = door.post(second, "field-approve=yes")
    assert (twice.status_code, "answered already" in twice.content.decode()) == (409, True)
    assert "1 of 2 approved" in door.browser.get(other["path"]).content.decode()
    assert door.post(other, "field-approve=yes").status_code == 302
    assert door.flow.settle(run["id"])["output"] == ["ann", "bob"]


def test_links_are_limited(door: Door, settings: Any) -> None:
    run = door.start("?")
    for body, place in (
        ({"expires_in": 5}, "expires_in"),
        ({"expires_in": 10**9}, "expires_in"),
        ({"expires_in": "soon"}, "expires_in"),
        ({"answers_as": "x" * 201}, "answers_as"),
        ({"answers_as": ["x"]}, "answers_as"),
    ):
        refused = door.flow.api.post(door.place(run), body)
        assert (refused.status_code, refused.json()["error"]["details"][0]["loc"]) == (422, place)
    link = door.link(run)
    (token,) = tokens(door.flow, run["id"])
    settings.LINK_REQUESTS_PER_MINUTE = 3
    address, other = (str(ip_address(uuid4().int)) for _ in range(2))
    told = [door.browser.get(link["path"], REMOTE_ADDR=address).status_code for _ in range(4)]
    assert told == [200, 200, 200, 429]
    assert door.browser.get(link["path"], REMOTE_ADDR=other).status_code == 200
    WaitLink.objects.bulk_create(
        WaitLink(
            execution_id=run["id"],
            wait_id=link["transition_id"],
            digest=bytes([n, 1]),
            made_by={},
            expires_at=link["expires_at"],
        )
        for n in range(99)
    )
    assert door.flow.api.post(door.place(run)).status_code == 409
    assert token not in door.browser.get(link["path"], REMOTE_ADDR=other).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_link_is_used_once_by_whoever_is_quickest(door: Door) -> None:
    run = door.start("?")
    link = door.link(run)

    def send(number: int) -> Any:
        return Client().post(link["path"], f"value={number}", content_type="application/x-www-form-urlencoded")

    first, *others = statuses_at_once(send)
    assert first == 302
    # Who comes when it has been answered already is told that it is over.
    assert set(others) <= {409, 410} and len(others) == 5
    assert Transition.objects.filter(type="resume").count() == 1
