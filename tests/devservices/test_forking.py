"""Programs that are forks of their supervisor, each in a process of its own: one that has nothing else, as `up`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets all that is loaded be used in a fork")

_SUPERVISE = """
import json, os, signal, sys, threading
from pathlib import Path
from julep_project.devservices.supervision.guardian import Guardian
from julep_project.devservices.supervision.program import Program
from julep_project.devservices.supervision.supervisor import Supervisor
folder, arguments, has_threads = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3] == "True"
os.environ["OF_ALL"] = "of all"
signal.signal(signal.SIGTERM, lambda *_: None)
held = os.open(folder, os.O_RDONLY)
if has_threads: threading.Thread(target=threading.Event().wait, daemon=True).start()
lines, guardian = [], Guardian()
supervisor = Supervisor(say=lambda name, line: lines.append(line), guardian=guardian)
supervisor.begin_fork = lambda: print("begun", os.environ["OWN"], flush=True)
supervisor.start(Program(
    name="one", command=[sys.executable, *arguments], env={**os.environ, "OWN": "its own"}, cwd=folder,
    restart=False, forks=True))
supervisor.run_until(lambda: supervisor.exit_code("one") is not None)
guardian.close()
print(json.dumps([supervisor.exit_code("one"), lines]))
"""

_TELL = """
import atexit, os, signal, sys, threading
atexit.register(print, "at the end")
print(__name__, sys.argv[1:], os.environ["OF_ALL"], os.environ["OWN"], os.getcwd())
print(open("/proc/self/comm").read().strip(), os.getsid(0) == os.getpid() == os.getpgid(0), sys.stdin.read() == "")
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
print(sorted(os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/fd")))
threading.Timer(0.1, print, ["a thread has ended"]).start()
"""


def _supervised(folder: Path, *arguments: str, has_threads: bool = False) -> Any:
    """Its exit code and its lines."""
    done = subprocess.run(
        [sys.executable, "-c", _SUPERVISE, str(folder), json.dumps(arguments), str(has_threads)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_fork_is_as_if_it_had_been_begun_by_itself(tmp_path: Path) -> None:
    (tmp_path / "tell.py").write_text(_TELL)
    code, lines = _supervised(tmp_path, str(tmp_path / "tell.py"), "--some=option")
    assert code == 0
    assert lines == [
        "begun its own",
        f"__main__ ['--some=option'] of all its own {tmp_path}",
        "one True True",
        "True set()",
        # The fourth is that of the list itself.
        "['0', '1', '2'] 4",
        "a thread has ended",
        "at the end",
    ]


def test_modules_are_run_too(tmp_path: Path) -> None:
    code, lines = _supervised(tmp_path, "-m", "platform", "--terse")
    assert (code, lines[0], len(lines)) == (0, "begun its own", 2)


@pytest.mark.parametrize(
    ("program", "code", "last"),
    [
        ("raise SystemExit(3)", 3, "begun its own"),
        ("raise SystemExit('no such thing')", 1, "no such thing"),
        ("raise LookupError('lost')", 1, "LookupError: lost"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15, "begun its own"),
    ],
)
def test_it_ends_with_the_code_of_its_program(tmp_path: Path, program: str, code: int, last: str) -> None:
    (tmp_path / "end.py").write_text(program)
    found, lines = _supervised(tmp_path, str(tmp_path / "end.py"))
    assert (found, lines[-1]) == (code, last)


def test_where_there_are_threads_nothing_is_forked(tmp_path: Path) -> None:
    (tmp_path / "tell.py").write_text("print('hello')")
    assert _supervised(tmp_path, str(tmp_path / "tell.py"), has_threads=True) == [0, ["hello"]]


_LOAD = """
import json, os, sys
from julep_project.management.up import Loaded
def held():
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
before, loaded = held(), Loaded()
loaded.load(dict(os.environ))
has_library = "litellm" in sys.modules
loaded.load_more()
is_same = held() == before
loaded.begin()
from django.conf import settings
from django.db import connection
has_pool = "pool" in connection.settings_dict["OPTIONS"]
os.environ.update(DB_POOL="1", RETIRING_FILE="/a/note", LOG_LEVEL="ERROR")
loaded.begin()
import logging
own = "pool" in connection.settings_dict["OPTIONS"], settings.RETIRING_FILE, logging.getLevelName(logging.root.level)
print(json.dumps([is_same, has_library, "litellm" in sys.modules, has_pool, own]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("key", ["", "sk-some-key"])
def test_loading_begins_and_opens_nothing_and_a_fork_has_settings_of_its_own(tmp_path: Path, key: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "DB_POOL"}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD],
        env={**kept, "JULEP_HOME": str(tmp_path), "SECRET_KEY": "for-tests-only", "OPENAI_API_KEY": key},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    own = [True, "/a/note", "ERROR"]
    assert json.loads(done.stdout) == [True, False, bool(key), False, own]
