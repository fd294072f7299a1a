"""Begins the heartbeat of a worker, for as long as it is there."""

import os
import threading
from typing import Any

from celery import bootsteps

from julep_project.core.process.release import read_release
from julep_project.worker_stop import retire

# There is one worker in a process.
_current: Any = None


class HeartbeatStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Begun when the pool is there: a pool of processes has been forked by then."""

    requires = ("celery.worker.components:Pool", "celery.worker.components:Timer")

    def start(self, worker: Any) -> None:
        """Tell every so often. Threads have one of their own for that; where processes are forked none may be, so the
        loop of messages does it, which waits for the database for seconds at most."""
        from executions.operating.heartbeat import Heartbeat  # models cannot be imported before Django is set up
        from executions.operating.workers import EVERY_S, Told

        global _current
        queues = sorted(worker.app.amqp.queues.consume_from)
        told = Told(name=worker.hostname, queues=queues, release=read_release(), pid=os.getpid())
        _current = Heartbeat(told, forks=not hasattr(worker.pool, "executor"), retire=retire)
        if _current.forks:
            worker.timer.call_after(1.0, _current.once)
            worker.timer.call_repeatedly(EVERY_S, _current.once)
        else:
            threading.Thread(target=_current.go_on, name="heartbeat", daemon=True).start()

    def stop(self, worker: Any) -> None:
        """Nothing: a worker that drains is still there."""


def told_now() -> None:
    """Have this worker look at its row."""
    if _current is not None:
        _current.soon()


def told_no_more() -> None:
    """This worker ends."""
    if _current is not None:
        _current.end()
