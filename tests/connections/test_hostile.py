"""What strangers bring and say: returns of sign-ins, and services that describe themselves falsely."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client as Browser

from agents.connections import discovery
from agents.connections.errors import ProviderFaulty
from agents.connections.exchange import Client, Granted
from agents.connections.models import Connection
from agents.connections.signed import Link
from julep_project.core.ids import uuid7
from julep_project.devservices.loopback import Reply
from tests.connections.conftest import HERE, Json, Person
from tests.flow_runner import FlowRunner
from tests.loopback.authorization_server import CLIENT, AuthorizationServer


def link_for(flow: FlowRunner, user: str) -> str:
    made = flow.api.post("/connections", {"provider": "github", "user_id": user})
    assert made.status_code == 201, made.json()
    return str(made.json()["url"])


def status(flow: FlowRunner) -> str:
    return str(flow.api.get("/connections").json()["items"][0]["status"])


def test_a_return_counts_once_in_the_browser_it_began_in(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    url = link_for(flow, user)
    asked = person.open(url)
    assert asked.status_code == 303
    assert service.url in asked["content-security-policy"]
    query = person.service_query(asked["location"])
    assert query["scope"] == "repo" and query["theme"] == "dark"
    path, back = urlsplit(query["redirect_uri"]).path, service.sign_in(asked["location"])

    # A victim's browser that is sent there, another provider's address, another state, and none.
    assert Browser().get(path, back).status_code == 409
    assert person.browser.get(f"/connections/callback/{uuid7()}", back).status_code == 409
    for wrong in ({**back, "state": "x"}, {"code": back["code"]}):
        assert person.browser.get(path, wrong).status_code == 409
    assert (status(flow), service.issued) == ("pending", [])

    # It is good once, whoever sends it.
    assert person.browser.get(path, back).status_code == 200
    assert person.browser.get(path, back).status_code == 409
    assert (status(flow), len(service.issued)) == ("connected", 1)
    # Nor is the link, or one that nobody has made.
    for token in (url.rpartition("/")[2], Link(uuid7(), 0).token, url.rpartition("/")[2][:-1] + "-"):
        assert person.browser.get(f"/connect/{token}").status_code == 410


def test_a_return_that_is_late_or_overtaken_counts_not(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    url = link_for(flow, user)
    overtaken = person.open(url)["location"]
    late = person.open(url)["location"]
    assert person.come_back(overtaken).status_code == 409
    Connection.objects.update(state_until="2020-01-01T00:00:00Z")
    assert person.come_back(late).status_code == 409
    Connection.objects.update(link_until="2020-01-01T00:00:00Z")
    assert person.browser.get(url.removeprefix(HERE)).status_code == 410
    assert service.issued == []


def test_an_answer_of_another_service_is_refused(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    body = {name: provider[name] for name in ("authorize_url", "token_url", "client_id")}
    made = flow.api.post("/connections/providers", {**body, "name": "other", "issuer": service.url})
    assert made.status_code == 201, made.json()
    url = flow.api.post("/connections", {"provider": "other", "user_id": user}).json()["url"]
    service.said_issuer = "https://evil.example.com"
    page = person.sign_in(url)
    assert (page.status_code, b"another service" in page.content, service.issued) == (502, True, [])
    # The state was used up; one may begin again.
    service.said_issuer = service.url
    service.clients[CLIENT] = ""
    assert person.sign_in(url).status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, {"access_token": "t", "token_type": "mac"}),
        Reply(200, {"access_token": "two\nlines"}),
        Reply(200, b"x" * 300_000),
        Reply(200, b"[" * 1000),
        Reply(302, headers={"location": "http://127.0.0.1:1/"}),
        Reply(500, {"error": "<script>alert(1)</script>"}),
    ],
)
def test_what_a_token_endpoint_says_is_not_believed(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str, answer: Reply
) -> None:
    url = link_for(flow, user)
    service.before["/token"] = answer
    page = person.sign_in(url)
    assert (page.status_code, b"<script>" in page.content) == (502, False)
    assert status(flow) == "pending"
    del service.before["/token"]
    assert person.sign_in(url).status_code == 200


Set = Callable[[AuthorizationServer, dict[str, Any]], None]
FALSE: dict[str, Set] = {
    "names itself otherwise": lambda s, _: s.metadata.update(issuer="http://127.0.0.1:9"),
    "PKCE with S256": lambda s, _: s.metadata.update(code_challenge_methods_supported=["plain"]),
    "no plain host": lambda s, _: s.metadata.update(token_endpoint="http://a;b.example.com/token"),
    "address of tokens": lambda s, _: s.metadata.update(token_endpoint="file:///etc/passwd"),
    "is about another resource": lambda s, said: said.update(resource=f"{s.url}/elsewhere"),
    "resource in what the MCP server says": lambda s, said: said.update(resource="http://[x"),
    "of itself is none": lambda s, said: said.update(resource="http://h:abc"),
    "authorization server of the MCP server": lambda s, said: said.update(authorization_servers=[]),
    "not on the public internet": lambda s, said: said.update(authorization_servers=["https://10.0.0.1"]),
    "says nothing of itself": lambda s, _: s.before.update({"/.well-known/oauth-authorization-server": Reply(404)}),
}


@pytest.mark.parametrize("problem", FALSE)
def test_what_describes_itself_falsely_is_refused(service: AuthorizationServer, problem: str) -> None:
    said: dict[str, Any] = {"resource": f"{service.url}/mcp", "authorization_servers": [service.url]}
    FALSE[problem](service, said)
    service.before["/mcp"] = Reply(401, headers={"www-authenticate": "Bearer"})
    service.before["/.well-known/oauth-protected-resource/mcp"] = Reply(200, said)
    with pytest.raises(ProviderFaulty, match=problem):
        discovery.find_server(discovery.find_protection(f"{service.url}/mcp").issuer)


def test_another_server_does_not_speak_for_one(service: AuthorizationServer) -> None:
    challenge = 'Bearer realm="x", resource_metadata="http://127.0.0.1:9/said", scope="a b"'
    service.before["/mcp"] = Reply(401, headers={"www-authenticate": challenge})
    with pytest.raises(ProviderFaulty, match="another one speaks for it"):
        discovery.find_protection(f"{service.url}/mcp")
    assert [request.path for request in service.requests] == ["/mcp"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_who_cannot_speak_now_is_spoken_for_by_nobody(service: AuthorizationServer, status: int) -> None:
    below = "/.well-known/oauth-protected-resource/mcp"
    said = {"resource": service.url, "authorization_servers": ["http://127.0.0.1:9"]}
    service.before = {"/mcp": Reply(401), below: Reply(status), below.removesuffix("/mcp"): Reply(200, said)}
    with pytest.raises(ProviderFaulty, match=f"now: status {status}") as caught:
        discovery.find_protection(f"{service.url}/mcp")
    assert caught.value.retryable
    # What is not there says nothing.
    service.before[below] = Reply(404)
    assert discovery.find_protection(f"{service.url}/mcp").issuer == "http://127.0.0.1:9"


def test_what_is_not_encrypted_is_refused() -> None:
    with pytest.raises(ProviderFaulty, match="not encrypted"):
        discovery.checked_url("http://example.com/token", "address", like="https://example.com")
    for text in ("http://example.com/token", "http://8.8.8.8/token", "http://10.0.0.1/token", "http://127.0.0.2/"):
        with pytest.raises(ProviderFaulty, match="not encrypted"):
            discovery.checked_url(text, "address", like=text)


def test_an_address_that_is_not_encrypted_is_told_to_be_that(flow: FlowRunner) -> None:
    at = "http://example.com/authorize"
    body = {"name": "n", "authorize_url": at, "token_url": "https://example.com/token", "client_id": "c"}
    refused = flow.api.post("/connections/providers", body)
    (told,) = refused.json()["error"]["details"]
    assert (refused.status_code, told["loc"], told["type"]) == (422, "authorize_url", "value_error")
    assert told["msg"] == "the address is not encrypted: http://example.com/authorize"


def test_what_is_named_and_not_there_is_told(flow: FlowRunner) -> None:
    at = {"authorize_url": "https://example.com/a", "token_url": "https://example.com/t"}
    refused = flow.api.post("/connections/providers", {"name": "n", **at, "client_id": "c", "client_secret": "NOPE"})
    assert refused.status_code == 422
    assert [each["loc"] for each in refused.json()["error"]["details"]] == ["client_secret"]

    call = {"method": "GET", "url": "https://example.com/", "connection": {"provider": "Nope"}}
    tool = {"name": "issues", "type": "api_call", "api_call": call}
    agent = flow.api.post("/agents", {"name": "Ada"}).json()["id"]
    task = {"name": "t", "main": [{"evaluate": {"a": "$ 1"}}], "tools": [tool]}
    told = "there is no provider 'Nope' yet: until there is, nobody can sign in, and calls fail"
    at_agent = f"/agents/{agent}"
    for path, body, place in ((f"{at_agent}/tools", tool, "api_call"), (f"{at_agent}/tasks", task, "tools[0]")):
        (warning,) = flow.api.post(path, body).json()["warnings"]
        assert (warning["location"], warning["type"], warning["message"]) == (place, "connection", told)
    assert flow.api.post("/connections/providers", {"name": "nope", **at, "client_id": "c"}).status_code == 201
    assert flow.api.post(f"/agents/{agent}/tasks", {**task, "name": "u"}).json()["warnings"] == []


def test_only_who_says_no_refuses(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    url = link_for(flow, user)
    assert person.sign_in(url, error="temporarily_unavailable").status_code == 502
    assert status(flow) == "pending"
    assert person.sign_in(url).status_code == 200
    # Nor does it take what somebody has agreed to before.
    page = person.sign_in(link_for(flow, user), error="access_denied")
    assert (page.status_code, b"stays" in page.content, status(flow)) == (200, True, "connected")
    assert Connection.objects.get().sealed


def test_what_comes_for_a_connection_that_went_is_revoked(
    flow: FlowRunner,
    service: AuthorizationServer,
    provider: Json,
    person: Person,
    user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = link_for(flow, user)
    redeem = Client.redeem

    def slowly(client: Client, code: str, state: str) -> Granted:
        granted = redeem(client, code, state)
        assert flow.api.delete(f"/connections/{Connection.objects.get().pk}").status_code == 202
        return granted

    monkeypatch.setattr(Client, "redeem", slowly)
    assert person.sign_in(url).status_code == 409
    assert service.issued[0] in service.revoked
