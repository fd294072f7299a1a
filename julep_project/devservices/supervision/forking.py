"""Programs as forks of the supervisor: what it has loaded, they have loaded, and it is in memory once for all of them.

Only on Linux: elsewhere a process that was forked may not use all that the system brings along. And only where there is
one thread, for what others hold would be held in the child for ever.
"""

import atexit
import os
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, NoReturn

from julep_project.devservices.supervision.program import Program

# Those that Python itself has set when a program of its own begins.
_AS_PYTHON_BEGINS: dict[int, Any] = {signal.SIGPIPE: signal.SIG_IGN, signal.SIGINT: signal.default_int_handler}
_STANDARD = 3
# What Python says of a program that has failed.
_FAILED = 1
_THREADS = "/proc/self/task"


class Forked:
    """A child, to be asked and ended like one of `subprocess`."""

    def __init__(self, pid: int, stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdout: IO[bytes] | None = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._look(os.WNOHANG)

    def wait(self) -> int | None:
        return self._look(0)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _look(self, how: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def is_possible() -> bool:
    """Whether this process may be forked just now."""
    return sys.platform == "linux" and len(os.listdir(_THREADS)) == 1


def fork(program: Program, begin: Callable[[], None]) -> Forked:
    """Run a command of Python's in a process that has all this one has. `begin` is called there first, with the
    program's environment in place.

    It has to be possible. The child leads a group and session of its own, and has no descriptor of ours.

    Raises:
        OSError: the system gives no process.
    """
    reading, writing = os.pipe()
    with suppress(OSError):  # whoever reads it may be gone
        sys.stdout.flush()
    # A signal that comes between would be taken for one of ours there.
    before = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _become(program, begin, writing, before)
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Forked(pid, open(reading, "rb", buffering=0))  # noqa: SIM115  (closed by the supervisor)


def _become(program: Program, begin: Callable[[], None], output: int, mask: Set[int]) -> NoReturn:
    """Never returns: above this is what the supervisor was about to do."""
    code = _FAILED
    try:
        os.setsid()
        _forget_signals(mask)
        _take_output(output)
        with suppress(OSError):  # `ps` and `top` show it
            Path("/proc/self/comm").write_text(program.name, encoding="utf-8")
        os.chdir(program.cwd)
        os.environ.update(program.env)
        code = _run(program.command, begin)
    except BaseException:
        traceback.print_exc()
    finally:
        _end(code)


def _forget_signals(mask: Set[int]) -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    for known, handler in _AS_PYTHON_BEGINS.items():
        signal.signal(known, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _take_output(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, output, output)):
        os.dup2(descriptor, number)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    os.closerange(_STANDARD, os.sysconf("SC_OPEN_MAX"))


def _run(command: Sequence[str], begin: Callable[[], None]) -> int:
    """What Python does with these arguments; its exit code."""
    _, *arguments = command
    is_module = arguments[0] == "-m"
    sys.argv = arguments[1:] if is_module else arguments
    try:
        begin()
        if is_module:
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as error:
        return _code_of(error)
    return 0


def _code_of(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    print(error.code, file=sys.stderr)
    return _FAILED


def _end(code: int) -> NoReturn:
    """As Python ends a program: threads, then what was registered, then what is still to be written."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
