"""What one installation consists of: addresses, sizes, and the programs to run."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from julep_project.devservices.errors import ServiceError
from julep_project.devservices.ports import LOOPBACK, choose_port
from julep_project.devservices.supervision.program import Program
from julep_project.env import PROJECT_ROOT

_WILDCARDS = {"0.0.0.0", "::", ""}  # noqa: S104  (compared with, not bound)
# One for each kind of sweep and pruning, of which each process does one at a time, and one to spare.
MAINTENANCE_THREADS = 8


@dataclass(frozen=True)
class Plan:
    """Settings of the supervisor, all from the environment."""

    host: str
    port: int
    flower_port: int
    api_workers: int
    engine_processes: int
    io_threads: int
    drain_s: int
    memory_mb: int
    embeds_postgres: bool
    embeds_redis: bool

    @property
    def url(self) -> str:
        """Address of the API for a browser on this machine."""
        return f"http://{_shown(self.host)}:{self.port}"

    @property
    def flower_url(self) -> str:
        """Address of the page of workers and queues. Always loopback: it has no password."""
        return f"http://{LOOPBACK}:{self.flower_port}"


def read_plan(environ: Mapping[str, str]) -> Plan:
    """The plan the environment asks for, its ports checked to be free.

    Raises:
        ServiceError: a value cannot be used, or a port is taken.
    """
    host = environ.get("HOST") or LOOPBACK
    cores = os.cpu_count() or 2
    plan = Plan(
        host=host,
        port=choose_port("PORT", 8080, host, environ),
        flower_port=choose_port("FLOWER_PORT", 5555, LOOPBACK, environ),
        api_workers=_count("API_WORKERS", min(2, cores), environ),
        engine_processes=_count("ENGINE_PROCESSES", min(4, max(2, cores)), environ),
        io_threads=_count("IO_THREADS", 32, environ),
        drain_s=_count("DRAIN_SECONDS", 60, environ, most=3600),
        memory_mb=_count("PROCESS_MEMORY_MB", 1024, environ, least=0, most=1_000_000),
        embeds_postgres=not environ.get("DATABASE_URL"),
        embeds_redis=not environ.get("REDIS_URL"),
    )
    if plan.port == plan.flower_port:
        raise ServiceError(f"PORT and FLOWER_PORT are both {plan.port}; set one of them to another port.")
    return plan


def manage(name: str, environ: Mapping[str, str], *arguments: str) -> Program:
    """A management command that runs once."""
    return _python(name, environ, str(PROJECT_ROOT / "manage.py"), *arguments, restart=False)


def programs(plan: Plan, environ: Mapping[str, str], *, home: Path) -> list[Program]:
    """Everything that is kept running."""
    if sys.stdout.isatty():
        # What they write comes through the supervisor, so they cannot know.
        environ = {"LOG_FORMAT": "text", **environ}
    pooled = {"DB_POOL": "1", **environ}
    # One process does one thing at a time and keeps its connection; a pool is for threads.
    engine = {**environ, "DB_POOL": ""}
    quiet = {"LOG_LEVEL": "ERROR", **environ}
    schedule = home / "beat"
    schedule.mkdir(mode=0o700, exist_ok=True)
    return [
        replace(_python("api", pooled, *_api(plan)), drains=True),
        _worker("engine", engine, "engine", "--pool=prefork", f"--concurrency={plan.engine_processes}"),
        _threads("io", pooled, plan.io_threads, home),
        # Apart from the calls: timers and recovery must not wait for a thread until some model has answered.
        _threads("maintenance", pooled, MAINTENANCE_THREADS, home),
        _celery("beat", environ, "beat", "--pidfile=", f"--schedule={schedule / 'schedule'}"),
        _celery("flower", quiet, "flower", f"--address={LOOPBACK}", f"--port={plan.flower_port}"),
    ]


def _api(plan: Plan) -> list[str]:
    return [
        "-m",
        "granian",
        "--interface=asgi",
        f"--host={plan.host}",
        f"--port={plan.port}",
        f"--workers={plan.api_workers}",
        "--no-ws",
        "--respawn-failed-workers",
        *_memory(plan),
        "--log-level=warning",
        "julep_project.asgi:application",
    ]


def _memory(plan: Plan) -> list[str]:
    """A server process that holds too much is replaced: it drains when the next one has had time to start.

    The server does not look whether it has. A start takes 4 s of processor time, and on a busy machine many times as
    long; but whoever stops the server meanwhile waits for the rest of it.
    """
    if not plan.memory_mb:
        return []
    return [f"--workers-max-rss={plan.memory_mb}", "--rss-sample-interval=10", "--respawn-interval=60"]


def _threads(name: str, environ: Mapping[str, str], threads: int, home: Path) -> Program:
    note = home / f"{name}.retiring"
    note.unlink(missing_ok=True)
    options = ["--pool=threads", f"--concurrency={threads}"]
    return replace(_worker(name, {**environ, "RETIRING_FILE": str(note)}, name, *options), retiring_file=note)


def _worker(name: str, environ: Mapping[str, str], queues: str, *arguments: str) -> Program:
    common = ["--without-gossip", "--without-mingle", f"--hostname={name}@%h", f"--queues={queues}"]
    return replace(_celery(name, environ, "worker", *common, *arguments), drains=True)


def _celery(name: str, environ: Mapping[str, str], *arguments: str) -> Program:
    return _python(name, environ, "-m", "celery", "--quiet", "-A", "julep_project.celery", *arguments)


def _python(name: str, environ: Mapping[str, str], *arguments: str, restart: bool = True) -> Program:
    return Program(
        name=name,
        command=[sys.executable, *arguments],
        env={**environ, "PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "julep_project.settings"},
        cwd=PROJECT_ROOT,
        restart=restart,
        forks=True,
    )


def _count(variable: str, default: int, environ: Mapping[str, str], *, least: int = 1, most: int = 512) -> int:
    text = environ.get(variable, "").strip() or str(default)
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ServiceError(f"{variable} must be a whole number between {least} and {most}; it is {text!r}")
    return int(text)


def _shown(host: str) -> str:
    if host in _WILDCARDS:
        return LOOPBACK
    return f"[{host}]" if ":" in host else host
