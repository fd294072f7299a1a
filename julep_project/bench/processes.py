"""The workers of the peer, and the memory of process trees."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from julep_project.bench.peers.raw_celery import IO_QUEUE, QUEUE
from julep_project.core.process.memory import resident_mb_of
from julep_project.env import PROJECT_ROOT

_START_S = 60
_STOP_S = 20


@contextmanager
def peer_workers(processes: int, threads: int) -> Iterator[None]:
    """Workers for the raw tasks, with the pools and options of the product's own, for the length of the block."""
    options = {
        QUEUE: ["--pool=prefork", f"--concurrency={processes}"],
        IO_QUEUE: ["--pool=threads", f"--concurrency={threads}"],
    }
    with tempfile.TemporaryDirectory(prefix="julep-bench-") as folder:
        logs = {queue: Path(folder) / f"{queue}.log" for queue in options}
        started = [_start(queue, options[queue], logs[queue]) for queue in options]
        try:
            for process, log in zip(started, logs.values(), strict=True):
                _wait_ready(process, log)
            yield
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(_STOP_S)


def resident_mib(pid: int) -> float:
    return sum(map(resident_mb_of, _tree(pid)))


def _start(queue: str, options: list[str], log: Path) -> "subprocess.Popen[bytes]":
    common = ["--loglevel=INFO", "--without-gossip", "--without-mingle", f"--hostname={queue}@%h", f"--queues={queue}"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "celery", "--quiet", "-A", "julep_project.bench.peers.celery_app", "worker"]
            + [*common, *options],
            cwd=PROJECT_ROOT,
            env={**os.environ, "LOG_LEVEL": "INFO", "REMAP_SIGTERM": "SIGQUIT"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _wait_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while " ready." not in (text := log.read_text(errors="replace")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"a worker of the benchmark did not start; its log ends:\n{text[-3000:]}")
        time.sleep(0.1)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    with suppress(OSError):
        for child in children.read_text(encoding="ascii").split():
            yield from _tree(int(child))
