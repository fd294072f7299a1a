"""Memory of this process: how much it holds, and giving back what it does not need any more.

What an exception has seen is kept by its traceback until the next collection of cycles, and after large values were
freed, the allocator keeps their pages in case they are needed again, for each thread apart. Both are given back when
the process has grown by so much since it last did that.
"""

import ctypes
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_GROWTH_MB = 32.0
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
# Between collections, which hold up everything else in the process for as long as they take: about a minute in all.
_PAUSES_S = (1, 2, 4, 8, 16, 32)
_USUAL = gc.get_threshold()
# Objects more than there were at the last one.
_WHILE_LOADING = 500_000
_tending = threading.Lock()
_least_mb = 0.0


def resident_mb() -> float:
    """What the process holds, without its children; 0 where the system does not say."""
    descriptor = _statm(os.getpid())
    return 0.0 if descriptor is None else int(os.pread(descriptor, 256, 0).split()[1]) * _PAGE_MB


def resident_mb_of(pid: int) -> float:
    """What another process holds; 0 where the system does not say."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE_MB
    return 0.0


def tend() -> None:
    """Call it after every piece of work: when the process has grown, memory is given back in a thread."""
    if resident_mb() > _least_mb + _GROWTH_MB and _tending.acquire(blocking=False):
        try:
            threading.Thread(target=_give_back_for_a_while, name="memory", daemon=True).start()
        except RuntimeError:
            # The system gives no more threads just now. The next piece of work tries again.
            _tending.release()


def begin_loading() -> None:
    """Collect rarely; where nobody says that all is loaded, it stays so."""
    gc.set_threshold(_WHILE_LOADING)


def end_loading() -> None:
    """Collect as usual what comes from now on."""
    gc.freeze()
    gc.set_threshold(*_USUAL)


@contextmanager
def loading() -> Iterator[None]:
    """The same in a process that may be at work already, for what is loaded late: nothing is left out afterwards, since
    what others hold just now would be kept for ever."""
    usual = gc.get_threshold()
    begin_loading()
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def settle() -> None:
    """Leave what the process has loaded so far out of all later collections, which are quick then."""
    global _least_mb
    gc.collect()
    gc.freeze()
    _least_mb = resident_mb()


def give_back() -> None:
    """Collect cycles and give freed pages back to the system."""
    gc.collect()
    _trim()(0)


def _give_back_for_a_while() -> None:
    """Until the process is as small as it was: what is in use now may be free in a second. If it still is in use after
    a minute, that is the size of the process from now on."""
    global _least_mb
    try:
        for pause_s in _PAUSES_S:
            give_back()
            if resident_mb() <= _least_mb + _GROWTH_MB:
                return
            time.sleep(pause_s)
        _least_mb = resident_mb()
    finally:
        _tending.release()


@cache
def _statm(pid: int) -> int | None:
    """The kernel's count, kept open: it is read after every piece of work. A process that was forked has its own."""
    with suppress(OSError):
        return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    return None


@cache
def _trim() -> Callable[[int], object]:
    """The allocator's own function, where it has one."""
    with suppress(OSError, AttributeError):
        return ctypes.CDLL(None).malloc_trim
    return lambda pad: None
