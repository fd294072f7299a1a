"""Keys that stand in stored tools become secrets."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agents.models import Developer, Tool
from agents.securing import keys_in
from agents.tool_definitions import tool_to_wire
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.secret_names import filled, names_of
from agents.tools.supplied import WantedCall
from agents.vault.models import Secret
from agents.vault.values import values_of
from julep_project.devservices.loopback import Reply
from tests.api_client import ApiClient
from tests.loopback.web_server import WebServer

pytestmark = pytest.mark.usefixtures("master_key")

KEYS = {name: f"{name}-zx9kqv-42" for name in ("bearer", "header", "cookie", "param", "setup", "other")}


def api_call(**fields: Any) -> dict[str, Any]:
    return {"type": "api_call", "api_call": {"method": "GET", "url": "https://tides.example/", **fields}}


HOOK = api_call(
    headers={"Authorization": f"Bearer {KEYS['bearer']}", "X-Api-Key": KEYS["header"], "Accept": "text/plain"},
    cookies={"sessionId": KEYS["cookie"], "theme": "dark-blue-light"},
    params={"access_token": KEYS["param"], "q": "tides-of-the-day"},
)
MAIL = {
    "type": "integration",
    "integration": {
        "provider": "email",
        "setup": {"host": "smtp.example", "port": 25, "user": "ann@example.com", "password": KEYS["setup"]},
    },
}


@pytest.fixture
def tools(api: ApiClient, agent: dict[str, Any]) -> dict[str, Tool]:
    """Tools with keys, by name."""
    for name, body in {"hook": HOOK, "mail": MAIL, "again": HOOK}.items():
        made = api.post(f"/agents/{agent['id']}/tools", {"name": name, **body})
        assert made.status_code == 201, made.content
    return {tool.name: tool for tool in Tool.objects.all()}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("secure_tools", *arguments)
    told = capsys.readouterr()
    assert not any(key in told.out + told.err for key in KEYS.values())
    return told.out


def whole(tool: Tool) -> Any:
    """The definition as its runner gets it."""
    body = tool_to_wire(tool)
    return filled(body, values_of(tool.developer, names_of(body), tool.agent_id))[tool.type]


def stored_specs() -> str:
    return json.dumps([tool.spec for tool in Tool.objects.all()])


def test_keys_become_secrets_and_the_tools_mean_the_same(tools: dict[str, Tool], capsys: Any) -> None:
    before = {name: tool.spec for name, tool in tools.items()}
    told = run(capsys)
    assert "headers.Authorization is secrets.HOOK_AUTHORIZATION now" in told or "secrets.AGAIN_AUTHORIZATION" in told
    assert "9 keys moved." in told
    moved = [name for name, key in KEYS.items() if key in stored_specs()]
    assert moved == []
    assert {tool.name: whole(tool) for tool in Tool.objects.all()} == before
    mail = Tool.objects.get(name="mail").spec["setup"]
    assert mail == {**MAIL["integration"]["setup"], "password": "{secrets.MAIL_PASSWORD}"}  # type: ignore[index]
    hook = Tool.objects.get(name="hook").spec
    assert hook["headers"]["Authorization"].startswith("Bearer {secrets.")
    assert (hook["cookies"]["theme"], hook["params"]["q"]) == ("dark-blue-light", "tides-of-the-day")
    # One secret for each key, however many tools have it.
    assert Secret.objects.count() == 5


def test_a_second_run_finds_nothing(tools: dict[str, Tool], capsys: Any) -> None:
    run(capsys)
    specs, secrets = stored_specs(), list(Secret.objects.values_list("name", "sealed"))
    assert run(capsys) == "0 keys moved.\n"
    assert (stored_specs(), list(Secret.objects.values_list("name", "sealed"))) == (specs, secrets)


def test_a_dry_run_changes_nothing(tools: dict[str, Tool], capsys: Any) -> None:
    before = stored_specs()
    told = run(capsys, "--dry-run")
    assert "cookies.sessionId would be moved" in told and "9 keys would be moved." in told
    assert (stored_specs(), Secret.objects.count()) == (before, 0)


def test_what_was_moved_is_sent(
    developer: Developer, api: ApiClient, agent: dict[str, Any], web_server: WebServer, settings: Any, capsys: Any
) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    url = web_server.script("/tides", Reply(200, {}))
    body = {"name": "hook", **HOOK, "api_call": {**HOOK["api_call"], "url": url}}
    assert api.post(f"/agents/{agent['id']}/tools", body).status_code == 201
    run(capsys)
    tool = Tool.objects.get()
    run_tool(Caller(developer, "k", agent_id=tool.agent_id), WantedCall(tool_to_wire(tool), {}))
    (sent,) = web_server.requests
    assert sent.headers["authorization"] == f"Bearer {KEYS['bearer']}"
    assert sent.query["access_token"] == KEYS["param"]


def test_names_are_free_and_never_those_of_model_providers(
    developer: Developer, api: ApiClient, agent: dict[str, Any], capsys: Any
) -> None:
    api.post(f"/agents/{agent['id']}/secrets", {"name": "hook_token", "value": "taken"})
    path = f"/agents/{agent['id']}/tools"
    api.post(path, {"name": "hook", **api_call(params={"token": KEYS["param"]})})
    api.post(path, {"name": "openai", **api_call(headers={"api-key": KEYS["header"]})})
    renamed = {"OPENAI_API_KEY_2": {"name": "X"}}
    api.post(path, {"name": "groq", **api_call(headers={"api-key": KEYS["other"]}, secrets=renamed)})
    run(capsys)
    names = sorted(Secret.objects.filter(agent=None).values_list("name", flat=True))
    assert names == ["GROQ_API_KEY_2", "HOOK_TOKEN_2", "OPENAI_API_KEY_2"]


def test_one_tenants_keys_stay_its_own(
    tools: dict[str, Tool], developer: Developer, stranger: Developer, capsys: Any
) -> None:
    run(capsys, "--developer", str(stranger.pk))
    assert Secret.objects.count() == 0
    run(capsys, "--developer", str(developer.pk))
    assert {secret.developer_id for secret in Secret.objects.all()} == {developer.pk}


STAYS = {
    "url with a password": api_call(url="https://me:pass-zx9kqv@tides.example/"),
    "url with a key": api_call(url="https://tides.example/?api_key=zx9kqv-1234"),
    "body": api_call(json={"password": "zx9kqv-1234"}),
    "short": api_call(headers={"X-Token": "abc"}),
    "expression": api_call(headers={"X-Token": "$ _.token + 'zx9kqv'"}),
    "template": api_call(headers={"X-Token": "{zx9kqv-1234}"}),
    "text of params": api_call(params="token=zx9kqv-1234"),
}


@pytest.mark.parametrize("body", STAYS.values(), ids=STAYS)
def test_what_is_not_moved_is_told(api: ApiClient, agent: dict[str, Any], body: Any, capsys: Any) -> None:
    made = api.post(f"/agents/{agent['id']}/tools", {"name": "hook", **body})
    assert made.status_code == 201, made.content
    before = Tool.objects.get().spec
    told = run(capsys)
    assert ": stays: " in told and "zx9kqv" not in told
    assert (Tool.objects.get().spec, Secret.objects.count()) == (before, 0)


def test_tasks_are_told_of(api: ApiClient, agent: dict[str, Any], capsys: Any) -> None:
    """Their versions never change."""
    task = {"name": "T", "main": [{"evaluate": {"a": "$ 1"}}], "tools": [{"name": "hook", **HOOK}]}
    assert api.post(f"/agents/{agent['id']}/tasks", task).status_code == 201
    assert "tool hook: stays: headers.X-Api-Key: update the task, with a secret here" in run(capsys)


def test_a_tool_that_cannot_be_stored_again_stays_whole(
    tools: dict[str, Tool], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are moved; nothing is left of what was begun."""
    monkeypatch.setattr("agents.securing.LONGEST_VALUE", 10**9)
    Tool.objects.filter(name="mail").update(spec={**MAIL["integration"], "provider": "gone"})  # type: ignore[dict-item]
    with pytest.raises(CommandError, match="1 tools were left as they are"):
        run(capsys)
    assert Tool.objects.get(name="mail").spec["setup"]["password"] == KEYS["setup"]
    assert Secret.objects.count() == 4


def test_without_a_master_key_nothing_is_moved(tools: dict[str, Tool], settings: Any, capsys: Any) -> None:
    settings.SECRETS_MASTER_KEY = ""
    before = stored_specs()
    with pytest.raises(CommandError, match="3 tools were left"):
        run(capsys)
    assert (stored_specs(), Secret.objects.count()) == (before, 0)


@pytest.mark.parametrize(
    ("name", "is_key"),
    [
        ("X-Api-Key", True), ("apikey", True), ("apiKey", True), ("AccessToken", True), ("x_auth", True), ("key", True),
        ("SERVICE_ACCOUNT_JSON", True), ("Set-Cookie", True), ("keyword", False), ("tokenizer", False),
        ("use_julep_service_account", False), ("monkey", False), ("", False), ("Accept", False),
    ],
)  # fmt: skip
def test_names_that_say_that_a_value_is_secret(name: str, is_key: bool) -> None:
    found = keys_in(api_call(headers={name: KEYS["header"]}))
    assert [key.name for key in found.keys] == [name] * is_key
    assert not found.keys or KEYS["header"] not in repr(found.keys)
