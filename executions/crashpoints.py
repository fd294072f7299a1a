"""Places where a test build kills its own process, to show that a crash costs only time. Dead code everywhere else.

`JULEP_CRASH_AT` holds `<point>:<passages>`, several separated by blanks: the passages (counted from 1, comma separated)
at which the process dies, or `always`. They are counted in a file below `JULEP_CRASH_DIR`, over all processes and
their successors, so each number kills once. Nothing happens unless `JULEP_TEST_BUILD` is on as well.
"""

import fcntl
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from django.conf import settings

POINTS = (
    "before_claim",
    "after_claim",
    "before_effect",
    "after_effect",
    "in_commit",
    "after_commit",
    "in_lane",
    "before_join",
)
_ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class CrashPlan:
    """When to die: at these passages of a point, or at each when there are none."""

    point: str
    passages: frozenset[int]
    counter: Path

    @classmethod
    def read(cls, text: str, folder: Path) -> Self:
        """The plan `<point>:<passages>` stands for.

        Raises:
            ValueError: there is no such point, or a passage is not a number.
        """
        point, _, passages = text.partition(":")
        if point not in POINTS:
            raise ValueError(f"there is no crash point {point!r}; there are: {', '.join(POINTS)}")
        numbers = [] if passages == _ALWAYS else [int(number) for number in passages.split(",")]
        return cls(point, frozenset(numbers), folder / point)

    def pass_through(self) -> None:
        """Count a passage, and die if it is one of those planned."""
        passage = self._count()
        if not self.passages or passage in self.passages:
            os.kill(os.getpid(), signal.SIGKILL)

    def _count(self) -> int:
        """The number of this passage. The file grows by a byte for each."""
        with self.counter.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(b".")
            file.flush()
            return os.fstat(file.fileno()).st_size


def read_plans() -> dict[str, CrashPlan]:
    """The plans the settings ask for, by point; none unless this is a test build."""
    if not settings.JULEP_TEST_BUILD:
        return {}
    folder = Path(settings.JULEP_CRASH_DIR)
    plans = [CrashPlan.read(text, folder) for text in settings.JULEP_CRASH_AT.split()]
    return {plan.point: plan for plan in plans}


_PLANS = read_plans()


def crashpoint(point: str) -> None:
    """Die here if the environment says so."""
    if _PLANS and point in _PLANS:
        _PLANS[point].pass_through()
