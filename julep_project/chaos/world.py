"""The outside: a counter service, the same as an MCP server and as one that one signs in at, and a model provider on
loopback that remember who asked what."""

import json
import time
from collections import Counter, defaultdict
from random import Random
from typing import Any

from julep_project.chaos.grants import Grants, form_of
from julep_project.chaos.scenarios import USE_TOOL, WORLD_ADDS
from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply

# Path of the tool that is declared `at_most_once`, and of the one that fails at first.
ONCE, FLAKY = "/once", "/flaky"
# Where the webhook is.
TOLD = "/told"
# Path of what is only for who has signed in, and where that is done.
SIGNED, AUTHORIZE, TOKEN = "/signed", "/authorize", "/token"
# A token is renewed a minute before its end, so one of the shorter life for every call.
_LIVES_S = (30, 3600)
# Path of the MCP server, and the version of the protocol it speaks.
SERVED, _PROTOCOL = "/mcp", "2026-07-28"
_LONG, _LONG_SHARE = 10.0, 0.06
_CALLED = "tools/call"
_PARAMETERS = {"type": "object", "properties": {"call": {"type": "string"}, "n": {"type": "integer"}}}
_UNCACHED = {"ttlMs": 0, "cacheScope": "private"}
_DESCRIBED: dict[str, dict[str, Any]] = {
    "server/discover": {"supportedVersions": [_PROTOCOL], "capabilities": {"tools": {}}, **_UNCACHED},
    "tools/list": {"tools": [{"name": "world", "inputSchema": _PARAMETERS}], **_UNCACHED},
}
_REASONS = {False: "stop", True: "tool_calls"}


class World(LoopbackServer, Grants):
    """Answers a request with `?call=ID&n=NUMBER` with the next number, after a while. Now and then it is too busy.

    Asked as a model for `ID:NUMBER` it says the next number, too; for `use TOOL ID:NUMBER` it first calls its tool.
    Access tokens stay good for ever, but each refresh token is good once.
    """

    def __init__(self, random: Random, *, longest_s: float = 0.6, busy: float = 0.04) -> None:
        """`longest_s` is the longest an answer takes, `busy` the share of requests it has no time for."""
        LoopbackServer.__init__(self)
        Grants.__init__(self)
        self._random = random
        self._longest_s = longest_s
        self._busy = busy
        self._told: list[str] = []

    @property
    def api_base(self) -> str:
        return f"{self.url}/v1"

    def answer(self, request: RecordedRequest) -> Reply:
        # Some calls last longer than a lease, and longer than Postgres takes to come back.
        longest_s = self._longest_s * (_LONG if self._random.random() < _LONG_SHARE else 1)
        delay_s = self._random.uniform(0, longest_s)
        if request.path.endswith("/chat/completions"):
            return Reply(200, _completion(request.json()["model"], _said(request)), delay_s=delay_s)
        if request.path == SERVED and request.json()["method"] != _CALLED:
            return Reply(200, _answered(request, _DESCRIBED[request.json()["method"]]))
        if request.path == FLAKY and self._is_first(request):
            return Reply(500)
        if request.path == TOLD:
            return self._take(request, delay_s)
        if request.path == TOKEN:
            return self._grant(request, delay_s)
        if request.path == SIGNED and not self.takes(request.headers.get("authorization", "")):
            return Reply(401)
        if request.path != ONCE and self._random.random() < self._busy:
            return Reply(503)
        _, number = _call_of(request)
        said = {"n": number + WORLD_ADDS}
        if request.path == SERVED:
            said = _answered(request, {"content": [], "structuredContent": said})
        return Reply(200, said, delay_s=delay_s)

    def _grant(self, request: RecordedRequest, delay_s: float) -> Reply:
        """What is granted is used up, whether or not the answer arrives."""
        form = form_of(request)
        self.lives_s = self._random.choice(_LIVES_S)
        granted = self.redeem(form, form["client_id"])
        return Reply(400, {"error": "invalid_grant"}) if granted is None else Reply(200, granted, delay_s=delay_s)

    def _take(self, request: RecordedRequest, delay_s: float) -> Reply:
        """A message counts from when it is taken, whether or not the answer arrives."""
        if self._random.random() < self._busy:
            return Reply(503)
        self._told.append(request.json()["id"].removeprefix("msg_"))
        return Reply(204, delay_s=delay_s)

    def told(self) -> list[str]:
        """Ids of the messages that were taken, in their order, also those that came again."""
        return list(self._told)

    def _is_first(self, request: RecordedRequest) -> bool:
        """Whether nothing came under this key before."""
        keys = [_key(earlier) for earlier in list(self.requests)]
        return keys.count(_key(request)) <= 1

    def keys_by_call(self) -> dict[str, Counter[str]]:
        """For every call made, how often it came under each key."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for request in list(self.requests):
            if _is_call(request):
                call_id, number = _call_of(request)
                found[f"{call_id}:{number}"][_key(request)] += 1
        return found

    def asked(self) -> Counter[str]:
        requests = [request for request in list(self.requests) if request.path.endswith("/chat/completions")]
        return Counter(_last(request)["content"] for request in requests if _last(request)["role"] == "user")


def _is_call(request: RecordedRequest) -> bool:
    return "call" in request.query or (request.path == SERVED and request.json()["method"] == _CALLED)


def _call_of(request: RecordedRequest) -> tuple[str, int]:
    """What the world is asked: which call it is, and with which number."""
    given = request.json()["params"]["arguments"] if request.path == SERVED else request.query
    return str(given["call"]), int(given["n"])


def _key(request: RecordedRequest) -> str:
    if request.path == SERVED:
        return str(request.json()["params"]["_meta"].get("julep/idempotency-key", ""))
    return request.headers.get("idempotency-key", "")


def _answered(request: RecordedRequest, result: dict[str, Any]) -> dict[str, Any]:
    whole = {"resultType": "complete", **result}
    return {"jsonrpc": "2.0", "id": request.json()["id"], "result": whole}


def _last(request: RecordedRequest) -> dict[str, Any]:
    message: dict[str, Any] = request.json()["messages"][-1]
    return message


def _said(request: RecordedRequest) -> dict[str, Any]:
    asked = _last(request)
    if asked["role"] == "tool":
        return {"role": "assistant", "content": str(_heard(json.loads(asked["content"])))}
    use, call_id, number = _asked_for(asked["content"])
    if not use:
        return {"role": "assistant", "content": str(int(number) + WORLD_ADDS)}
    function = {"name": use, "arguments": json.dumps({"call": call_id, "n": int(number)})}
    call = {"id": "c1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _asked_for(text: str) -> tuple[str, str, str]:
    """The tool that is to be used, if any, the call and its number."""
    use = ""
    if text.startswith(USE_TOOL):
        use, _, text = text.removeprefix(USE_TOOL).partition(" ")
    call_id, _, number = text.rpartition(":")
    return use, call_id, number


def _heard(result: Any) -> int:
    """The number that a tool gave: by itself, or in the answer to a request."""
    return int(result["json"]["n"] if isinstance(result, dict) else result)


def _completion(model: str, message: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-chaos",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {"index": 0, "message": message, "finish_reason": _REASONS["tool_calls" in message], "logprobs": None}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
