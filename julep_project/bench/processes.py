"""The workers of the peer, a second installation, and what process trees take."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from julep_project.bench.peers.raw_celery import IO_QUEUE, QUEUE
from julep_project.bench.table import Row
from julep_project.core.process.memory import resident_mb_of
from julep_project.devservices.home import Home
from julep_project.devservices.private import private_installation
from julep_project.env import PROJECT_ROOT, state_dir

_START_S = 300
_STOP_S = 20
# What is begun and not waited for has come about by then.
_SETTLE_S = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")
# In the line of a process, behind its name: time of its own and of children that it has waited for.
_TIMES = slice(11, 15)


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


def measure_installation() -> list[Row]:
    """Start, and memory, of an installation that was started before and has a model provider configured, as long as
    nobody asks anything of it. All is counted that belongs to it, Postgres and Redis too."""
    home, settings = Home(state_dir() / "second"), {"OPENAI_API_KEY": "sk-bench"}
    with private_installation(home, settings):
        pass
    began = time.perf_counter()
    with private_installation(home, settings):
        taken, pid = time.perf_counter() - began, home.read_note()["pid"]
        times = f"{processor_s(pid):.1f} s of processor time"
        time.sleep(_SETTLE_S)
        held, count = proportional_mib(pid), len(list(_tree(pid)))
    return [
        Row("u", "everything started, with a model provider", taken, "s", aim="at most 6 s", note=times),
        Row("u", "the same, idle: memory", held, "MiB", aim="at most 700 MiB", note=f"{count} processes"),
    ]


def proportional_mib(pid: int) -> float:
    """What the processes of a tree hold together, a page that some share counted once."""
    return sum(map(_proportional_kib, _tree(pid))) / 1024


def processor_s(pid: int) -> float:
    """What the processes of a tree have used, those that have ended included."""
    return sum(map(_processor_ticks, _tree(pid))) / _TICKS


def _proportional_kib(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _processor_ticks(pid: int) -> int:
    with suppress(OSError):
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[_TIMES]))
    return 0


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
