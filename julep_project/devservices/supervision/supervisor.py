"""Runs programs, prints their lines, restarts the ones that end, stops them all.

Every program leads its own process group, so that whatever it starts ends with it. One thread, one loop.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO

from julep_project.devservices.process import signal_group
from julep_project.devservices.supervision.forking import Forked, fork, is_possible
from julep_project.devservices.supervision.guardian import Guardian
from julep_project.devservices.supervision.program import Program

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
# How long handing back takes at most.
HURRY_S = 6.0
# A program that ran this long starts again with the first delay.
STEADY_S = 30.0
_TICK_S = 0.2
_LINE_LIMIT = 64 * 1024

Say = Callable[[str, str], None]


def restart_delay(failures: int) -> float:
    """Seconds to wait before the next start, after this many quick ends in a row (1 is the first)."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (failures - 1))


@dataclass(eq=False)
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | Forked | None = None
    started_at: float = 0.0
    failures: int = 0
    start_again_at: float | None = None
    exit_code: int | None = None
    unfinished_line: bytearray = field(default_factory=bytearray)


class Supervisor:
    """Keeps programs running until it is told to stop."""

    def __init__(self, *, say: Say, guardian: Guardian) -> None:
        """`say(name, line)` prints one line of a program."""
        self._say = say
        self.guardian = guardian
        # Called when a process id has changed.
        self.on_change: Callable[[], None] = lambda: None
        # Called first in each process that is forked from this one; None while nothing is loaded that they need.
        self.begin_fork: Callable[[], None] | None = None
        self._children: dict[str, _Child] = {}
        # Those whose successors run already.
        self._retired: list[_Child] = []
        self._outputs = selectors.DefaultSelector()

    def start(self, program: Program) -> None:
        """Run it now and keep it running."""
        child = _Child(program)
        self._children[program.name] = child
        self._spawn(child)

    def exit_code(self, name: str) -> int | None:
        """Exit code of a program that runs once; None while it runs."""
        return self._children[name].exit_code

    def pids(self) -> dict[str, int]:
        """Process ids of the programs that run."""
        return {name: child.process.pid for name, child in self._children.items() if child.process is not None}

    def run_until(self, is_done: Callable[[], bool], *, timeout_s: float | None = None) -> bool:
        """Supervise until the condition holds (True) or the time is over (False)."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not is_done():
            if deadline is not None and time.monotonic() >= deadline:
                return False
            self.tick(_TICK_S)
        return True

    def tick(self, timeout_s: float) -> None:
        """Print what was said, notice who ended, start again who is due."""
        self._pump(timeout_s)
        self._bury_retired()
        for child in list(self._children.values()):
            if _retires(child):
                self._replace(child)
                continue
            if child.process is not None and child.process.poll() is not None:
                self._note_end(child)
            if child.start_again_at is not None and time.monotonic() >= child.start_again_at:
                self._spawn(child)

    def stop(self, names: Sequence[str], *, grace_s: float, is_urgent: Callable[[], bool] = lambda: False) -> None:
        """End these programs together: their stop signal, then the hard one, then SIGKILL to what is left.

        Before the hard one, those that let work end are asked again, with all their processes, to hand it back.
        """
        chosen = [self._children.pop(name) for name in names if name in self._children]
        chosen += [child for child in self._retired if child.program.name in names]
        self._retired = [child for child in self._retired if child not in chosen]
        running = [child for child in chosen if child.process is not None]
        for child in running:
            _signal(child, child.program.stop_signal)
        self._wait_for(running, grace_s, is_urgent)
        slow = [child for child in running if child.program.drains and _is_up(child)]
        for child in slow:
            signal_group(child.process.pid, child.program.stop_signal)  # type: ignore[union-attr]
        self._wait_for(slow, HURRY_S, lambda: False)
        for child in running:
            if _is_up(child):
                self._say(child.program.name, "did not stop in time; killing it")
                _signal(child, child.program.hard_signal)
        self._wait_for(running, 1.0, lambda: False)
        for child in running:
            self._bury(child)

    def _wait_for(self, children: Sequence[_Child], grace_s: float, is_urgent: Callable[[], bool]) -> None:
        deadline = time.monotonic() + grace_s
        while any(_is_up(child) for child in children) and time.monotonic() < deadline and not is_urgent():
            self._pump(0.05)

    def _spawn(self, child: _Child) -> None:
        program = child.program
        child.start_again_at = None
        child.started_at = time.monotonic()
        try:
            child.process = self._begin(program)
        except OSError as error:
            self._say(program.name, f"cannot be started: {error}")
            self._schedule(child)
            child.exit_code = 127
            return
        self.guardian.watch(child.process.pid, program.stop_signal)
        if child.process.stdout is not None:
            os.set_blocking(child.process.stdout.fileno(), False)
            self._outputs.register(child.process.stdout, selectors.EVENT_READ, child)
        self.on_change()

    def _begin(self, program: Program) -> subprocess.Popen[bytes] | Forked:
        if program.forks and self.begin_fork is not None and is_possible():
            return fork(program, self.begin_fork)
        log: IO[bytes] | None = None
        if program.log_file is not None:
            program.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            log = program.log_file.open("ab")
        try:
            return subprocess.Popen(
                list(program.command),
                env=dict(program.env),
                cwd=program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log or subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **program.popen_options,
            )
        finally:
            if log is not None:
                log.close()

    def _replace(self, child: _Child) -> None:
        """Start the next one while this one ends what it does."""
        assert child.program.retiring_file is not None
        child.program.retiring_file.unlink(missing_ok=True)
        self._say(child.program.name, "ends what it does; starting the next one")
        self._retired.append(child)
        self.start(child.program)

    def _bury_retired(self) -> None:
        for child in [child for child in self._retired if not _is_up(child)]:
            self._bury(child)
            self._retired.remove(child)

    def _note_end(self, child: _Child) -> None:
        code = child.process.returncode if child.process is not None else None
        self._bury(child)
        if not child.program.restart:
            child.exit_code = code
            return
        self._schedule(child)
        delay = restart_delay(child.failures)
        self._say(child.program.name, f"ended ({_describe(code)}); starting it again in {delay:g} s")
        self.on_change()

    def _schedule(self, child: _Child) -> None:
        ran_s = time.monotonic() - child.started_at
        child.failures = 1 if ran_s >= STEADY_S else child.failures + 1
        child.start_again_at = time.monotonic() + restart_delay(child.failures)

    def _bury(self, child: _Child) -> None:
        """Reap the process, kill what it left behind, print its last words."""
        process = child.process
        if process is None:
            return
        signal_group(process.pid, signal.SIGKILL)
        process.wait()
        self.guardian.forget(process.pid)
        if process.stdout is not None:
            self._read(child)
            if child.unfinished_line:
                self._print(child, bytes(child.unfinished_line))
                child.unfinished_line.clear()
            self._close_output(child)
        child.process = None

    def _pump(self, timeout_s: float) -> None:
        if not self._outputs.get_map():
            time.sleep(timeout_s)
            return
        for key, _ in self._outputs.select(timeout_s):
            if not self._read(key.data):
                self._close_output(key.data)

    def _read(self, child: _Child) -> bool:
        """Print the complete lines that wait; False at the end of the output."""
        stream = child.process.stdout if child.process is not None else None
        if stream is None or stream.closed:
            return False
        try:
            part = os.read(stream.fileno(), _LINE_LIMIT)
        except BlockingIOError:
            return True
        *lines, rest = (bytes(child.unfinished_line) + part).split(b"\n")
        for line in lines:
            self._print(child, line)
        if len(rest) > _LINE_LIMIT:
            self._print(child, rest)
            rest = b""
        child.unfinished_line[:] = rest
        return bool(part)

    def _print(self, child: _Child, line: bytes) -> None:
        self._say(child.program.name, line.decode("utf-8", errors="replace").rstrip())

    def _close_output(self, child: _Child) -> None:
        stream = child.process.stdout if child.process is not None else None
        if stream is not None and not stream.closed:
            self._outputs.unregister(stream)
            stream.close()


def _retires(child: _Child) -> bool:
    return child.program.retiring_file is not None and child.program.retiring_file.exists()


def _is_up(child: _Child) -> bool:
    return child.process is not None and child.process.poll() is None


def _signal(child: _Child, number: int) -> None:
    """The stop signal goes to the leader alone, which stops its own children in its own order; SIGKILL goes to all."""
    if child.process is None or child.process.poll() is not None:
        return
    if number == signal.SIGKILL:
        signal_group(child.process.pid, number)
    else:
        child.process.send_signal(number)


def _describe(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
