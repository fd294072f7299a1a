"""Places where a test build kills its own process, to show that a crash costs only time. Dead code everywhere else.

`JULEP_CRASH_AT` holds `<point>:<passages>`, several separated by blanks: the passages (counted from 1, comma separated)
at which the process dies, or `always`. They are counted in a file below `JULEP_CRASH_DIR`, over all processes and
their successors, so each number kills once. `<point>:<passages>:each` counts for each branch apart, its calls to the
outside beside its slices. Nothing happens unless `JULEP_TEST_BUILD` is on as well.
"""

import fcntl
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

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
# On the way of an event to those that wait for it. What counts apart there is the event.
EVENT_POINTS = ("in_record", "before_wake", "after_wake")
_ALWAYS = "always"
_EACH = "each"


@dataclass(frozen=True, slots=True)
class CrashPlan:
    """When to die: at these passages of a point, or at each when there are none. `each`: every subject counts alone."""

    point: str
    passages: frozenset[int]
    folder: Path
    each: bool = False

    @classmethod
    def read(cls, text: str, folder: Path) -> Self:
        """The plan `<point>:<passages>` or `<point>:<passages>:each` stands for.

        Raises:
            ValueError: there is no such point, or a passage is not a number.
        """
        point, _, rest = text.partition(":")
        passages, _, scope = rest.partition(":")
        if point not in (known := POINTS + EVENT_POINTS):
            raise ValueError(f"there is no crash point {point!r}; there are: {', '.join(known)}")
        if scope not in ("", _EACH):
            raise ValueError(f"passages are counted over all or for {_EACH!r}, not {scope!r}")
        numbers = [] if passages == _ALWAYS else [int(number) for number in passages.split(",")]
        return cls(point, frozenset(numbers), folder, scope == _EACH)

    def pass_through(self, subject: str) -> None:
        """Count a passage, and die if it is one of those planned."""
        passage = self._count(subject)
        if not self.passages or passage in self.passages:
            os.kill(os.getpid(), signal.SIGKILL)

    def _count(self, subject: str) -> int:
        """The number of this passage. The file grows by a byte for each."""
        counter = self.folder / (f"{self.point}.{subject}" if self.each else self.point)
        with counter.open("ab") as file:
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


def crashpoint(point: str, subject: UUID, *, call: bool = False) -> None:
    """Die here if the environment says so: the subject is a branch, or an event. `call`: on the way of a call to the
    outside, not of a slice."""
    if _PLANS and point in _PLANS:
        _PLANS[point].pass_through(f"{subject}.call" if call else str(subject))


def is_planned(point: str) -> bool:
    """Whether anything may die there."""
    return point in _PLANS
