"""A definition of a tool of every type, full of secrets that can be told from everything else."""

from collections.abc import Mapping

from julep_project.core.json_value import Json

MARK = "zx9kqv"
_PLACES = (
    "url-query url-password webhook-path header cookie param json unknown-key smtp-user smtp-password mail-from "
    "mailgun-key system-argument function-extra computer-extra preset-agent preset-user preset-session preset-task "
    "preset-execution text-params text-data inline-header mcp-header mcp-password mcp-query mcp-path"
).split()
SECRETS: Mapping[str, str] = {place: f"{place}-{MARK}-{number:02}" for number, place in enumerate(_PLACES)}


def tools(url: str) -> list[dict[str, Json]]:
    """One of every type. The `api_call` ones go to the server at `url`."""
    secret, host = SECRETS, url.removeprefix("http://")
    return [
        {"name": "look", "type": "function", "function": {"parameters": _PARAMETERS, "hint": secret["function-extra"]}},
        {"name": "hook", "type": "api_call", "description": "Calls.", "api_call": {
            "method": "POST",
            "url": f"http://me:{secret['url-password']}@{host}/hooks/{secret['webhook-path']}?key={secret['url-query']}",
            "headers": {"X-Api-Key": secret["header"]},
            "cookies": {"session": secret["cookie"]},
            "params": {"token": secret["param"]},
            "json": {"password": secret["json"]},
            "more": {"deep": [secret["unknown-key"]]},
            "params_schema": _PARAMETERS,
        }},
        {"name": "form", "type": "api_call", "api_call": {
            "method": "POST", "url": f"{url}/form", "params": f"token={secret['text-params']}",
            "data": {"pw": secret["text-data"]},
        }},
        {"name": "mail", "type": "integration", "integration": {
            "provider": "email",
            "setup": {
                "host": "127.0.0.1", "port": 1, "user": secret["smtp-user"], "password": secret["smtp-password"],
            },
            "arguments": {"from": secret["mail-from"]},
        }},
        {"name": "gun", "type": "integration", "integration": {
            "provider": "mailgun", "method": "send_email", "setup": {"api_key": secret["mailgun-key"]},
        }},
        {"name": "sys", "type": "system", "system": {
            "resource": "user", "operation": "create", "arguments": {"about": secret["system-argument"]},
        }},
        {"name": "sea", "type": "mcp", "mcp": {"server": {
            "url": f"http://me:{secret['mcp-password']}@{host}/hook/{secret['mcp-path']}?key={secret['mcp-query']}",
            "headers": {"X-Key": secret["mcp-header"]},
        }}},
        {"name": "screen", "type": "computer_20241022", "computer_20241022": {"note": secret["computer-extra"]}},
        {"name": "edit", "type": "text_editor_20241022"},
        {"name": "shell", "type": "bash_20241022"},
    ]  # fmt: skip


def inline_tool(url: str) -> dict[str, Json]:
    """A tool that a prompt step defines itself."""
    headers = {"X-Key": SECRETS["inline-header"]}
    return {"name": "inline", "type": "api_call", "api_call": {"method": "GET", "url": url, "headers": headers}}


def presets(of: str) -> dict[str, Json]:
    """Metadata of an agent, user, session, task or execution that presets tools; `plain` may be read."""
    value = SECRETS[f"preset-{of}"]
    return {
        "plain": of,
        "x-integration-setup": {"integration:mail": {"password": value}},
        "x-api_call-setup": {"hook": {"headers": {"Authorization": f"Bearer {value}"}}},
        "x-integration-args": {"mail": {"subject": value}},
        "x-tool-parameters": {"to": value},
    }


_PARAMETERS = {"type": "object", "properties": {"q": {"type": "string"}}}
