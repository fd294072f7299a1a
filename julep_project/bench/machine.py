"""What the numbers depend on: cores, memory, load, and how fast Postgres gets a commit to disk."""

import os
import platform
import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from julep_project.bench.table import percentile, seconds_of
from julep_project.core.database import execute, fetch

_COMMITS = 100


def describe_machine() -> list[str]:
    commits = commit_seconds()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return [
        f"Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"Machine: {os.cpu_count()} cores ({_cpu_model()}), {memory:.0f} GiB memory, {platform.system()}, "
        f"Python {platform.python_version()}",
        f"Postgres {_postgres_setting('server_version')}, fsync {_postgres_setting('fsync')}, synchronous_commit "
        f"{_postgres_setting('synchronous_commit')}; one small commit: median {percentile(commits, 50) * 1e3:.2f} ms, "
        f"p99 {percentile(commits, 99) * 1e3:.2f} ms",
        load_line("before"),
    ]


def load_line(when: str) -> str:
    return f"Load average {when}: " + ", ".join(f"{value:.2f}" for value in os.getloadavg())


def commit_seconds() -> list[float]:
    """How long each of some commits takes that writes a few bytes of log and no table."""
    commit = partial(execute, "SELECT pg_logical_emit_message(true, 'bench', 'x')")
    return [seconds_of(commit) for _ in range(_COMMITS)]


def _postgres_setting(name: str) -> str:
    return str(fetch("SELECT current_setting(%s)", [name])[0][0])


def _cpu_model() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()
