"""The outside: a counter service and a model provider on loopback that remember who asked what."""

import time
from collections import Counter, defaultdict
from random import Random
from typing import Any

from julep_project.chaos.programs import WORLD_ADDS
from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply

# Path of the tool that is declared `at_most_once`.
ONCE = "/once"
_LONG, _LONG_SHARE = 10.0, 0.06


class World(LoopbackServer):
    """Answers `GET /?call=ID&n=NUMBER` with the next number, after a while. Now and then it is too busy.

    Asked as a model for `ID:NUMBER` it says the next number, too.
    """

    def __init__(self, random: Random, *, longest_s: float = 0.6, busy: float = 0.04) -> None:
        """`longest_s` is the longest an answer takes, `busy` the share of requests it has no time for."""
        super().__init__()
        self._random = random
        self._longest_s = longest_s
        self._busy = busy

    @property
    def api_base(self) -> str:
        """Where it is a model provider."""
        return f"{self.url}/v1"

    def answer(self, request: RecordedRequest) -> Reply:
        """The next number."""
        # Some calls last longer than a lease, and longer than Postgres takes to come back.
        longest_s = self._longest_s * (_LONG if self._random.random() < _LONG_SHARE else 1)
        delay_s = self._random.uniform(0, longest_s)
        if request.path.endswith("/chat/completions"):
            number = int(_text(request).rpartition(":")[2]) + WORLD_ADDS
            return Reply(200, _completion(request.json()["model"], str(number)), delay_s=delay_s)
        if request.path != ONCE and self._random.random() < self._busy:
            return Reply(503)
        return Reply(200, {"n": int(request.query["n"]) + WORLD_ADDS}, delay_s=delay_s)

    def keys_by_call(self) -> dict[str, Counter[str]]:
        """For every call made, how often it came under each key."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for request in list(self.requests):
            if request.method == "GET":
                call = f"{request.query['call']}:{request.query['n']}"
                found[call][request.headers.get("idempotency-key", "")] += 1
        return found

    def asked(self) -> Counter[str]:
        """How often the model was asked each text."""
        return Counter(_text(request) for request in list(self.requests) if request.method == "POST")


def _text(request: RecordedRequest) -> str:
    return str(request.json()["messages"][-1]["content"])


def _completion(model: str, text: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-chaos",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", "logprobs": None}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
