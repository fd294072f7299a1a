"""DBOS Transact, the same light steps on the same Postgres. Measured only where the package `dbos` is installed.

It runs in a process of its own, as its users run it: workflow and steps in one process, a row for each step.
"""

import importlib.util
import json
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from julep_project.bench.table import seconds_of
from julep_project.env import PROJECT_ROOT

_DATABASE = "julep_bench_dbos"
_LONGEST_S = 300


def is_installed() -> bool:
    return importlib.util.find_spec("dbos") is not None


def seconds_to_end(steps: int, repeats: int) -> list[float]:
    """For each of so many runs: from its start until its result is here. One run before them is not counted."""
    url = urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{_DATABASE}"))
    command = [sys.executable, "-m", __name__, url, str(steps), str(repeats)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True, timeout=_LONGEST_S)
    taken: list[float] = json.loads(done.stdout.splitlines()[-1])
    return taken


def _measure(url: str, steps: int, repeats: int) -> list[float]:
    from dbos import DBOS  # type: ignore[import-not-found]  # measured where it is, not a dependency

    DBOS(config={"name": "julep-bench", "system_database_url": url, "log_level": "ERROR"})

    @DBOS.step()  # type: ignore[untyped-decorator]
    def add_one(n: int) -> int:
        return n + 1

    @DBOS.workflow()  # type: ignore[untyped-decorator]
    def light_steps(count: int) -> int:
        n = 0
        for _ in range(count):
            n = add_one(n)
        return n

    DBOS.launch()
    taken = [seconds_of(lambda: DBOS.start_workflow(light_steps, steps).get_result()) for _ in range(repeats + 1)]
    DBOS.destroy()
    return taken[1:]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))) + "\n")
