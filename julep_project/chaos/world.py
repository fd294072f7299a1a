"""The outside: a counter service on loopback that remembers who asked what, under which idempotency key."""

from collections import Counter, defaultdict
from random import Random

from julep_project.chaos.programs import WORLD_ADDS
from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply

_LONGEST_ANSWER_S = 0.6


class World(LoopbackServer):
    """Answers `GET /?call=ID&n=NUMBER` with the next number, after a while."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    def answer(self, request: RecordedRequest) -> Reply:
        """The next number."""
        number = int(request.query["n"]) + WORLD_ADDS
        return Reply(200, {"n": number}, delay_s=self._random.uniform(0, _LONGEST_ANSWER_S))

    def keys_by_call(self) -> dict[str, Counter[str]]:
        """For every call made, how often it came under each key."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for request in list(self.requests):
            call = f"{request.query['call']}:{request.query['n']}"
            found[call][request.headers.get("idempotency-key", "")] += 1
        return found
