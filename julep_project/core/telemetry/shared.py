"""The metrics of all processes together, in Redis.

Processes are many, on several machines, and are replaced often: files of their own, as the Prometheus client has for
several processes, would be one set for each machine and container, and grow with every process that ends. Here each
adds what it has counted to one sum every few seconds. So any API process answers for all, and one that ends leaves
nothing. What a killed process has not told is lost, a few seconds; a Redis that is wiped begins at zero, which readers
of counters expect; while it is away, the sums wait in memory.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import redis

from julep_project.core.redis_client import redis_client
from julep_project.core.telemetry import metrics
from julep_project.core.telemetry.metrics import Key

log = logging.getLogger(__name__)

EVERY_S = 5.0
# One that does not tell any more is gone, and its name is not looked for any longer, however far clocks differ.
_KEPT_S = 20
_NAMED_S = 3600
_PREFIX = "julep:metrics:"
_GROWN, _PROCESSES, _OF, _NAMES = (_PREFIX + part for part in ("grown", "processes", "of:", "names:"))
_ANSWER_S = 1.0


@dataclass
class Told:
    """What all processes have told: sums, and what is so just now, added up."""

    grown: dict[Key, float] = field(default_factory=dict)
    now: dict[Key, float] = field(default_factory=dict)


def publish(who: str) -> bool:
    """Tell what this process has counted, and how it stands. False: Redis is away, and it is kept for the next time."""
    grown = metrics.take_grown()
    names = metrics.names_known()
    try:
        with redis_client(_ANSWER_S, _ANSWER_S).pipeline() as pipe:
            for key, amount in grown.items():
                pipe.hincrbyfloat(_GROWN, orjson.dumps(key), amount)
            pipe.set(_OF + who, orjson.dumps(list(metrics.watched_now().items())), ex=_KEPT_S)
            pipe.zadd(_PROCESSES, {who: time.time()})
            pipe.zremrangebyscore(_PROCESSES, "-inf", time.time() - _NAMED_S)
            for label, known in names.items():
                pipe.sadd(_NAMES + label, *known)
            for label in names:
                pipe.smembers(_NAMES + label)
            answers: list[Any] = pipe.execute()
    except redis.RedisError:
        metrics.give_back(grown)
        return False
    for label, found in zip(names, answers[len(answers) - len(names) :], strict=True):
        metrics.learn_names(label, (name.decode() for name in found))
    return True


def read() -> Told:
    """What all have told.

    Raises:
        redis.RedisError
    """
    client: Any = redis_client(_ANSWER_S, _ANSWER_S)
    told = Told({tuple(orjson.loads(key)): float(value) for key, value in client.hgetall(_GROWN).items()})
    processes = [name.decode() for name in client.zrange(_PROCESSES, 0, -1)]
    for text in client.mget([_OF + who for who in processes]) if processes else ():
        for key, value in orjson.loads(text) if text is not None else ():
            told.now[tuple(key)] = told.now.get(tuple(key), 0.0) + value
    return told


def forget(who: str) -> None:
    """A process ends in good order."""
    try:
        with redis_client(_ANSWER_S, _ANSWER_S).pipeline() as pipe:
            pipe.delete(_OF + who)
            pipe.zrem(_PROCESSES, who)
            pipe.execute()
    except redis.RedisError:
        log.debug("process not forgotten", extra={"process": who})


class Publisher:
    """Tells every few seconds, in a thread of its own."""

    def __init__(self, kind: str, queues: Sequence[str]) -> None:
        self.who = f"{kind}@{socket.gethostname()}:{os.getpid()}"
        self.queues = tuple(queues)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Tell what is left, and no more."""
        self._over.set()
        publish(self.who)
        forget(self.who)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                publish(self.who)
            except Exception:
                log.warning("metrics not told", exc_info=True)
            self._over.wait(EVERY_S)
