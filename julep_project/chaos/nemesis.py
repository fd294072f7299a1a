"""Does harm to a private installation: kills and freezes processes, wipes Redis, stops Postgres, repeats messages."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from julep_project.chaos.installation import Private
from julep_project.devservices.process import signal_group

_VICTIMS = ("api", "engine", "io", "beat")
_MOST_REPEATS = 5
_SOME_BRANCHES = "SELECT id FROM executions_branch WHERE status NOT IN ('done', 'failed', 'cancelled') LIMIT 200"
# The installation needs some time between two losses of the database to get anything done at all.
_POSTGRES_REST_S = 6.0


class Nemesis:
    """One act after the other, chosen by the seed, from `start` to `stop`. Touches processes of `up.json` only."""

    def __init__(self, installation: Private, random: Random, *, freeze_s: float, say: Callable[[str], None]) -> None:
        self._installation = installation
        self._random = random
        self._freeze_s = freeze_s
        self._say = say
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._act_for_ever, name="nemesis", daemon=True)
        self._postgres_stopped_at = 0.0
        self.acts = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current act; whatever was frozen runs again."""
        self._over.set()
        self._thread.join()

    def _act_for_ever(self) -> None:
        acts = [self._kill, self._kill, self._freeze, self._flush, self._kill_redis, self._stop_postgres, self._repeat]
        while not self._over.wait(self._random.uniform(0.2, 1.5)):
            act = self._random.choice(acts)
            with suppress(redis.RedisError, psycopg.Error, OperationalError, OSError):
                act()
                self.acts += 1

    def _pid(self, name: str) -> int | None:
        pid: int | None = self._installation.note.get("children", {}).get(name)
        return pid

    def _kill(self) -> None:
        name = self._random.choice(_VICTIMS)
        if (pid := self._pid(name)) is not None:
            self._say(f"kill {name}")
            signal_group(pid, signal.SIGKILL)

    def _freeze(self) -> None:
        name = self._random.choice(_VICTIMS)
        pid = self._pid(name)
        if pid is None:
            return
        self._say(f"freeze {name} for {self._freeze_s:g} s")
        signal_group(pid, signal.SIGSTOP)
        try:
            self._over.wait(self._freeze_s)
        finally:
            signal_group(pid, signal.SIGCONT)

    def _flush(self) -> None:
        self._say("flush Redis")
        with redis.Redis.from_url(self._installation.note["redis_url"], socket_timeout=1) as client:
            client.flushdb()

    def _kill_redis(self) -> None:
        if (pid := self._pid("redis")) is not None:
            self._say("kill Redis")
            signal_group(pid, signal.SIGKILL)

    def _stop_postgres(self) -> None:
        pid = self._pid("postgres")
        if pid is None or time.monotonic() < self._postgres_stopped_at + _POSTGRES_REST_S:
            return
        self._say("stop Postgres at once")
        os.kill(pid, signal.SIGQUIT)
        self._postgres_stopped_at = time.monotonic()

    def _repeat(self) -> None:
        """Send messages nobody asked for, to branches in any state."""
        note = self._installation.note
        with psycopg.connect(note["database_url"], connect_timeout=2) as connection:
            branches = [str(row[0]) for row in connection.execute(_SOME_BRANCHES).fetchall()]
        chosen = self._random.sample(branches, min(10, len(branches)))
        self._say(f"repeat messages for {len(chosen)} branches")
        with Celery(broker=note["redis_url"], set_as_current=False) as sender:
            for branch in chosen:
                for _ in range(self._random.randint(1, _MOST_REPEATS)):
                    self._send(sender, branch)

    def _send(self, sender: Celery, branch: str) -> None:
        name, queue, arguments = self._random.choice(
            [
                ("executions.advance", "engine", [branch]),
                ("executions.join", "engine", [branch]),
                ("executions.run_lane", "engine", [branch, None]),
                ("executions.perform_effect", "io", [branch]),
            ]
        )
        sender.send_task(name, args=arguments, queue=queue, retry=False, ignore_result=True)
