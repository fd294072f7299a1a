"""A timer that ends a process whose evaluation stands still, for processes that do nothing beside it.

It counts processor time of the process, so that a busy or frozen machine does not fire it, and its signal has no
handler: the kernel ends the process whatever Python is in the middle of.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.expressions.errors import LimitExceeded

SIGNAL = signal.SIGPROF
_TIMER = signal.ITIMER_PROF

_armed_s = 0.0


def prepare(cpu_seconds: float) -> None:
    """Have evaluations of this process timed from now on."""
    global _armed_s
    signal.signal(SIGNAL, signal.SIG_DFL)
    _armed_s = cpu_seconds


def is_prepared() -> bool:
    """Whether a standstill would end this process."""
    return _armed_s > 0


def limit_s() -> float:
    """How much processor time one evaluation may take here; 0: as much as it wants."""
    return _armed_s


@contextmanager
def timed() -> Iterator[None]:
    """End the process if what is done inside takes too much processor time. Nothing happens where none is prepared."""
    if not _armed_s:
        yield
        return
    signal.setitimer(_TIMER, _armed_s)
    try:
        yield
    finally:
        signal.setitimer(_TIMER, 0)


def stood_still(cpu_seconds: float) -> LimitExceeded:
    """What an evaluation fails with that was ended."""
    return LimitExceeded(f"the expression did not end within {cpu_seconds:g} s of processor time and was stopped")
