import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from julep_project.devservices.process import is_alive
from julep_project.devservices.supervision.guardian import Guardian
from julep_project.devservices.supervision.program import Program
from julep_project.devservices.supervision.supervisor import LONGEST_DELAY_S, Supervisor, restart_delay
from tests.devservices.conftest import wait_for

# Only a failing test waits this long.
LONG_S = 30.0
_STUBBORN = (
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen(['sleep', '600'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)\n"
)


class Scene:
    """A supervisor and what it printed."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.guardian = Guardian()
        self.supervisor = Supervisor(say=lambda name, line: self.lines.append((name, line)), guardian=self.guardian)

    def start(self, name: str, code: str, **options: Any) -> None:
        command = [sys.executable, "-c", code]
        self.supervisor.start(Program(name=name, command=command, env=dict(os.environ), cwd=Path("/"), **options))

    def until_said(self, text: str, *, times: int = 1) -> None:
        said = self.supervisor.run_until(lambda: sum(text in line for _, line in self.lines) >= times, timeout_s=LONG_S)
        assert said, self.lines


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.supervisor.stop(list(made.supervisor.pids()), grace_s=0.2)
    made.guardian.close()


def test_lines_carry_the_name_of_their_program(scene: Scene) -> None:
    scene.start("one", "print('first'); print('second', end='')", restart=False)
    assert scene.supervisor.run_until(lambda: scene.supervisor.exit_code("one") is not None, timeout_s=LONG_S)
    assert scene.lines == [("one", "first"), ("one", "second")]
    assert scene.supervisor.exit_code("one") == 0


def test_bytes_that_are_not_text_are_shown_anyway(scene: Scene) -> None:
    scene.start("one", "import sys; sys.stdout.buffer.write(b'caf\\xe9\\n')", restart=False)
    scene.until_said("caf\N{REPLACEMENT CHARACTER}")


def test_lines_of_a_program_with_a_log_file_go_there(scene: Scene, tmp_path: Path) -> None:
    log_file = tmp_path / "logs" / "one.log"
    scene.start("one", "print('quiet')", restart=False, log_file=log_file)
    assert scene.supervisor.run_until(lambda: scene.supervisor.exit_code("one") is not None, timeout_s=LONG_S)
    assert log_file.read_text() == "quiet\n"
    assert scene.lines == []


def test_a_program_that_ends_is_started_again(scene: Scene) -> None:
    scene.start("one", "print('hello')")
    scene.until_said("hello", times=2)
    assert ("one", "ended (exit code 0); starting it again in 0.5 s") in scene.lines


def test_a_killed_program_is_started_again_under_a_new_id(scene: Scene) -> None:
    changes: list[dict[str, int]] = []
    scene.supervisor.on_change = lambda: changes.append(scene.supervisor.pids())
    scene.start("one", "import time; print('hello', flush=True); time.sleep(600)")
    scene.until_said("hello")
    before = scene.supervisor.pids()["one"]
    os.kill(before, signal.SIGKILL)
    scene.until_said("hello", times=2)
    assert scene.supervisor.pids()["one"] != before
    assert ("one", "ended (killed by SIGKILL); starting it again in 0.5 s") in scene.lines
    assert changes[-1] == scene.supervisor.pids()


def test_a_program_that_cannot_be_started_is_tried_again(scene: Scene) -> None:
    missing = Program(name="one", command=["/no/such/program"], env={}, cwd=Path("/"))
    scene.supervisor.start(missing)
    scene.until_said("cannot be started", times=2)


def test_delays_double_up_to_a_limit() -> None:
    assert [restart_delay(failures) for failures in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert restart_delay(50) == LONGEST_DELAY_S


def test_stopping_kills_the_stubborn_with_everything_they_started(scene: Scene) -> None:
    scene.start("one", _STUBBORN)
    scene.supervisor.run_until(lambda: bool(scene.lines), timeout_s=LONG_S)
    pids = [scene.supervisor.pids()["one"], int(scene.lines[0][1])]
    scene.supervisor.stop(["one"], grace_s=0.3)
    assert wait_for(lambda: not any(is_alive(pid) for pid in pids), LONG_S)
    assert ("one", "did not stop in time; killing it") in scene.lines


_DRAINING = (
    "import signal, sys, time\n"
    "asked = []\n"
    "def stop(number, frame):\n"
    "    asked.append(number)\n"
    "    print('asked', len(asked), flush=True)\n"
    "    if len(asked) > 1: sys.exit()\n"
    "signal.signal(signal.SIGTERM, stop)\n"
    "print('ready', flush=True)\n"
    "while True: time.sleep(1)\n"
)


@pytest.mark.parametrize("is_urgent", [True, False])
def test_who_drains_is_asked_again_before_being_killed(scene: Scene, is_urgent: bool) -> None:
    scene.start("one", _DRAINING, drains=True)
    scene.until_said("ready")
    grace_s = LONG_S if is_urgent else 0.5
    scene.supervisor.stop(["one"], grace_s=grace_s, is_urgent=lambda: is_urgent and ("one", "asked 1") in scene.lines)
    assert ("one", "asked 2") in scene.lines
    assert ("one", "did not stop in time; killing it") not in scene.lines


def test_who_retires_is_succeeded_at_once_and_ends_in_its_time(scene: Scene, tmp_path: Path) -> None:
    note, go_on = tmp_path / "retiring", tmp_path / "go on"
    code = (
        "import os, pathlib, sys, time\n"
        f"note, go_on = pathlib.Path({str(note)!r}), pathlib.Path({str(go_on)!r})\n"
        "first = not go_on.with_suffix('.first').exists()\n"
        "go_on.with_suffix('.first').touch()\n"
        "print('first' if first else 'second', os.getpid(), flush=True)\n"
        "if first: note.touch()\n"
        "while not (first and go_on.exists()): time.sleep(0.05)\n"
        "print('done', flush=True)\n"
    )
    scene.start("one", code, retiring_file=note)
    scene.until_said("second")
    first = int(next(line for _, line in scene.lines if line.startswith("first")).split()[1])
    assert is_alive(first)
    assert not note.exists()
    go_on.touch()
    scene.until_said("done")
    assert wait_for(lambda: not is_alive(first), LONG_S)
    scene.supervisor.tick(0)
    assert is_alive(scene.supervisor.pids()["one"])
    assert not [line for _, line in scene.lines if "starting it again" in line]


def test_what_a_dead_program_left_behind_is_killed(scene: Scene) -> None:
    scene.start("one", "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)", restart=False)
    assert scene.supervisor.run_until(lambda: scene.supervisor.exit_code("one") is not None, timeout_s=LONG_S)
    assert wait_for(lambda: not is_alive(int(scene.lines[0][1])), LONG_S)
