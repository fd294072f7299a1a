import signal
import subprocess
import sys

from julep_project.devservices.process import end_process, is_alive
from julep_project.env import PROJECT_ROOT
from tests.devservices.conftest import wait_for

_SUPERVISOR = """
import os, sys, time
from pathlib import Path
from julep_project.devservices.supervision.guardian import Guardian
from julep_project.devservices.supervision.program import Program
from julep_project.devservices.supervision.supervisor import Supervisor

guardian = Guardian(grace_s=0.5)
supervisor = Supervisor(say=lambda name, line: None, guardian=guardian)
for name, code in [("gentle", "import time; time.sleep(600)"), ("stubborn", sys.argv[1])]:
    command = [sys.executable, "-c", code]
    supervisor.start(Program(name=name, command=command, env=dict(os.environ), cwd=Path("/")))
supervisor.tick(1.0)
print(guardian.pid, *supervisor.pids().values(), flush=True)
time.sleep(600)
"""
_STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def test_a_supervisor_killed_hard_leaves_nobody() -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", _SUPERVISOR, _STUBBORN], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    pids = [int(text) for text in supervisor.stdout.readline().split()]
    assert len(pids) == 3
    assert all(is_alive(pid) for pid in pids)
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    assert wait_for(lambda: not any(is_alive(pid) for pid in pids), 30)


def test_a_process_that_ignores_the_signal_is_killed_after_the_grace() -> None:
    process = subprocess.Popen([sys.executable, "-c", "print(1, flush=True);" + _STUBBORN], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    end_process(process.pid, signal.SIGTERM, grace_s=0.3)
    assert process.wait(timeout=30) in (-signal.SIGKILL, -signal.SIGTERM)
    process.stdout.close()
