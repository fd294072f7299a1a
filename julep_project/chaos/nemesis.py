"""Does harm to a private installation: kills and freezes processes, wipes Redis, stops Postgres, repeats messages."""

import heapq
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from julep_project.chaos.messages import copies_of_messages, publish, take_messages
from julep_project.devservices.home import Home
from julep_project.devservices.process import signal_group

_WORKING = ("api", "engine", "io", "maintenance", "beat")
_MOST_REPEATS = 5
_MOST_MESSAGES = 10
_LATEST_S = 15.0
_SOME_BRANCHES = "SELECT id FROM executions_branch WHERE status NOT IN ('done', 'failed', 'cancelled') LIMIT 200"
# How long a process is let alone after it was harmed. One that never runs for half a minute is started again after
# longer and longer pauses, and an installation that is never up shows nothing.
_RESTS_S = (3.0, 12.0, 33.0, 40.0)
_PAUSE_S = (0.2, 1.5)
# Celery tasks about a branch, their queues, and what they are told beside the branch.
_MESSAGES: list[tuple[Any, ...]] = [
    ("executions.advance", "engine"),
    ("executions.join", "engine"),
    ("executions.run_lane", "engine", None),
    ("executions.perform_effect", "io"),
]

# Does its harm and says in a word what it did; nothing when there was nothing to do it to.
Act = Callable[[], str | None]


class Nemesis:
    """One act after the other, chosen by the seed, from `start` to `stop`. Touches processes of `up.json` only.

    It begins with one act of every kind, in any order; one that finds nothing to harm is put off.
    """

    def __init__(self, home: Home, random: Random, *, freeze_s: float, say: Callable[[str], None]) -> None:
        self._home = home
        self._random = random
        self._freeze_s = freeze_s
        self._say = say
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._act_for_ever, name="nemesis", daemon=True)
        self._resting_until: dict[str, float] = {}
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._count = itertools.count()
        self.acts = 0
        self.has_done_all_kinds = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current act; whatever was frozen runs again, messages held back come now."""
        self._over.set()
        self._thread.join()

    def _act_for_ever(self) -> None:
        weights: dict[Act, int] = {
            self._kill: 3,
            self._freeze: 1,
            self._flush: 1,
            self._kill_redis: 1,
            self._stop_postgres: 2,
            self._ring_without_cause: 1,
            self._repeat: 2,
            self._hold_back: 1,
        }
        owed = self._random.sample(list(weights), len(weights))
        while not self._over.wait(self._random.uniform(*_PAUSE_S)):
            if not owed:
                self._do(self._random.choices(list(weights), list(weights.values()))[0])
            elif self._do(owed[0]):
                del owed[0]
            else:
                owed.append(owed.pop(0))
            self.has_done_all_kinds = not owed
            self._do_due(time.monotonic())
        self._do_due(float("inf"))

    def _do(self, act: Act) -> bool:
        with suppress(redis.RedisError, psycopg.Error, OperationalError, OSError):
            done = act()
            if done is not None:
                self._say(done)
                self.acts += 1
                return True
        return False

    def _do_later(self, act: Callable[[], object], wait_s: float) -> None:
        heapq.heappush(self._later, (time.monotonic() + wait_s, next(self._count), act))

    def _do_due(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, _, act = heapq.heappop(self._later)
            with suppress(redis.RedisError, OSError):
                act()

    def _victim(self, *names: str) -> tuple[str, int] | None:
        """Name and process id of one of these that runs and was not harmed lately; it rests from now on."""
        children = self._home.read_note().get("children", {})
        ready = [name for name in names if name in children and self._resting_until.get(name, 0) < time.monotonic()]
        if not ready:
            return None
        name = self._random.choice(ready)
        self._resting_until[name] = time.monotonic() + self._random.choice(_RESTS_S)
        return name, children[name]

    def _redis(self) -> "redis.Redis":
        return redis.Redis.from_url(self._home.read_note()["redis_url"], socket_timeout=1)

    # -- processes ------------------------------------------------------------------------------------------------

    def _kill(self) -> str | None:
        return self._signalled("kill", signal.SIGKILL, *_WORKING)

    def _freeze(self) -> str | None:
        if (victim := self._victim(*_WORKING)) is None:
            return None
        signal_group(victim[1], signal.SIGSTOP)
        self._do_later(partial(signal_group, victim[1], signal.SIGCONT), self._freeze_s)
        return f"freeze {victim[0]} for {self._freeze_s:g} s"

    def _signalled(self, act: str, number: signal.Signals, *names: str) -> str | None:
        if (victim := self._victim(*names)) is None:
            return None
        signal_group(victim[1], number)
        return f"{act} {victim[0]}"

    def _flush(self) -> str | None:
        with self._redis() as client:
            client.flushdb()
        return "flush Redis"

    def _kill_redis(self) -> str | None:
        return self._signalled("kill", signal.SIGKILL, "redis")

    def _stop_postgres(self) -> str | None:
        """As `-m immediate` does: what was committed without waiting for the disk may be lost."""
        if (victim := self._victim("postgres")) is None:
            return None
        os.kill(victim[1], signal.SIGQUIT)
        return "stop Postgres at once"

    # -- messages -------------------------------------------------------------------------------------------------

    def _repeat(self) -> str | None:
        """Deliver messages that are on their way up to five times, some of the copies long after."""
        with self._redis() as client:
            messages = copies_of_messages(client, self._random, _MOST_MESSAGES)
        for message in messages:
            for _ in range(self._random.randint(1, _MOST_REPEATS - 1)):
                late_s = self._random.choice([0.0, self._random.uniform(0, _LATEST_S)])
                self._do_later(partial(self._publish, message), late_s)
        return f"repeat {len(messages)} messages" if messages else None

    def _hold_back(self) -> str | None:
        """Take messages out of the queues and send them later."""
        with self._redis() as client:
            messages = take_messages(client, _MOST_MESSAGES)
        for message in messages:
            self._do_later(partial(self._publish, message), self._random.uniform(1, _LATEST_S))
        return f"hold back {len(messages)} messages" if messages else None

    def _publish(self, message: tuple[str, str]) -> None:
        with self._redis() as client:
            publish(client, *message)

    def _ring_without_cause(self) -> str | None:
        """Send messages nobody asked for, to branches in any state."""
        note = self._home.read_note()
        with psycopg.connect(note["database_url"], connect_timeout=2) as connection:
            branches = [str(row[0]) for row in connection.execute(_SOME_BRANCHES).fetchall()]
        chosen = self._random.sample(branches, min(_MOST_MESSAGES, len(branches)))
        with Celery(broker=note["redis_url"], set_as_current=False) as sender:
            for branch in chosen:
                for _ in range(self._random.randint(1, _MOST_REPEATS)):
                    self._send(sender, branch)
        return f"ring without cause for {len(chosen)} branches" if chosen else None

    def _send(self, sender: Celery, branch: str) -> None:
        name, queue, *more = self._random.choice(_MESSAGES)
        sender.send_task(name, args=[branch, *more], queue=queue, retry=False, ignore_result=True)
