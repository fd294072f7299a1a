"""What one evaluation may use, and the meter that counts it.

Work is counted in fuel: one unit for each node evaluated and for each element of bulk work, so the same program
stops at the same place on every machine. Sizes are checked before anything is built. The CPU clock is only a
backstop for work that is dearer than its fuel; it is thread CPU time, so a process that was frozen or
starved does not fail.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.expressions.errors import LimitExceeded

MAX_SOURCE = 32 * 1024
MAX_TEMPLATE_SOURCE = 256 * 1024
MAX_TEMPLATE_TOKENS = 20_000
MAX_DEPTH = 50
MAX_CHAIN = 100
MAX_DATA_DEPTH = 100
MAX_FUEL = 1_000_000
MAX_SIZE = 40 * 1024 * 1024
MAX_CPU_SECONDS = 0.2
MAX_STRING = 2_048_000
MAX_ITEMS = 200_000
MAX_RANGE = 1_000_000
MAX_KEYS_OTHER_THAN_TEXT = 10_000
MAX_EQUAL_HASHES = 100
MAX_INTEGER_BITS = 2048
MAX_POW_MODULUS_BITS = 512
MAX_FORMAT_WIDTH = 10_000
MAX_PARSER_INPUT = 1_000_000
MAX_RESULT_SIZE = 8 * 1024 * 1024
MAX_REGEX_PATTERN = 2_000
MAX_REGEX_INPUT = 200_000
MAX_REGEX_WEIGHT = 5_000
MAX_REGEX_SECONDS = 0.1
MAX_MACRO_DEPTH = 10

_CLOCK_INTERVAL = 2_000
# Scanning text inside one C call is far cheaper than a node: this many characters cost one unit.
_CHARACTERS_PER_UNIT = 64
_SHORT_TEXT = 30_000


class Budget:
    """Fuel, memory and CPU time left; the evaluations of one step may share one, one thread at a time."""

    __slots__ = ("_checkpoint", "_clock_started", "cpu_seconds", "fuel", "size")

    def __init__(self, fuel: int = MAX_FUEL, size: int = MAX_SIZE, cpu_seconds: float = MAX_CPU_SECONDS) -> None:
        self.fuel = fuel
        self.size = size
        self.cpu_seconds = cpu_seconds
        self._checkpoint = fuel - _CLOCK_INTERVAL
        self._clock_started: float | None = None

    def charge(self, units: int) -> None:
        """Use fuel; raises `LimitExceeded` when there is none left."""
        self.fuel -= units
        if self.fuel < self._checkpoint:
            self._check()

    def charge_text(self, characters: int) -> None:
        """Use fuel for one pass over a text."""
        self.charge(1 + characters // _CHARACTERS_PER_UNIT)

    def charge_search(self, characters: int, sought: int, *, backwards: bool = False) -> None:
        """Use fuel for one search in a text. Searching is linear, but for short texts and backwards it is a product."""
        if backwards and sought > 1:
            self.charge(1 + characters * sought // _CHARACTERS_PER_UNIT)
        elif characters < _SHORT_TEXT:
            self.charge(1 + characters * min(sought, 100) // (4 * _CHARACTERS_PER_UNIT))
        else:
            self.charge(1 + 2 * characters // _CHARACTERS_PER_UNIT)

    def grow(self, size: int) -> None:
        """Use memory, counted in bytes over the whole evaluation; call it before building."""
        self.size -= size
        if self.size < 0:
            raise LimitExceeded(f"the expression builds more than {MAX_SIZE:,} bytes of values")

    def grow_text(self, characters: int, *, wide: bool = False) -> None:
        """Announce a text of this length; raises before it is built."""
        if characters > MAX_STRING:
            raise LimitExceeded(
                f"a text may have at most {MAX_STRING:,} characters, this one would have {characters:,}"
            )
        self.grow(64 + (characters * 4 if wide else characters))

    def grow_items(self, count: int, each: int = 8) -> None:
        """Announce a list of this many items and charge for filling it; raises before it is built."""
        if count > MAX_ITEMS:
            raise LimitExceeded(f"a collection may have at most {MAX_ITEMS:,} items, this one would have {count:,}")
        self.grow(64 + count * each)
        self.charge(1 + count)

    def check_clock(self) -> None:
        """Raise if the CPU time is used up; called after work that fuel cannot measure, such as a regex."""
        if self._clock_started is not None and time.thread_time() - self._clock_started > self.cpu_seconds:
            raise LimitExceeded("the expression took too much CPU time")

    def seconds_left(self) -> float:
        if self._clock_started is None:
            return self.cpu_seconds
        return self.cpu_seconds - (time.thread_time() - self._clock_started)

    def start_clock(self) -> bool:
        """Let the CPU clock run; false when it runs already, so that the caller does not stop it."""
        if self._clock_started is not None:
            return False
        self._clock_started = time.thread_time()
        return True

    def stop_clock(self) -> None:
        if self._clock_started is not None:
            self.cpu_seconds -= time.thread_time() - self._clock_started
            self._clock_started = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the CPU clock while the caller's own code runs (a lazy value that reads the database)."""
        if self._clock_started is None:
            yield
            return
        self.stop_clock()
        try:
            yield
        finally:
            self._clock_started = time.thread_time()

    def _check(self) -> None:
        if self.size < 0:
            self.grow(0)
        if self.fuel < 0:
            raise LimitExceeded(f"the expression takes more than {MAX_FUEL:,} units of work")
        self._checkpoint = max(0, self.fuel - _CLOCK_INTERVAL)
        self.check_clock()
