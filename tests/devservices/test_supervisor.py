import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from julep_project.devservices.guardian import Guardian
from julep_project.devservices.process import is_alive
from julep_project.devservices.program import Program
from julep_project.devservices.supervisor import LONGEST_DELAY_S, Supervisor, restart_delay
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

    def start(self, name: str, code: str, *, restart: bool = True, log_file: Path | None = None) -> None:
        command = [sys.executable, "-c", code]
        program = Program(
            name=name, command=command, env=dict(os.environ), cwd=Path("/"), restart=restart, log_file=log_file
        )
        self.supervisor.start(program)

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


def test_what_a_dead_program_left_behind_is_killed(scene: Scene) -> None:
    scene.start("one", "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)", restart=False)
    assert scene.supervisor.run_until(lambda: scene.supervisor.exit_code("one") is not None, timeout_s=LONG_S)
    assert wait_for(lambda: not is_alive(int(scene.lines[0][1])), LONG_S)
