"""What a process that is told to stop does with work under way: lets it end for a while, then hands it back.

First nothing new is begun. Calls have `DRAIN_SECONDS` to end. What has not ended then is handed back, so that another
process takes it at once and no attempt is counted; work that must not be begun a second time is let run for half as
long again before. Whoever asks twice wants it handed back now.
"""

import time
from collections.abc import Callable

from django.conf import settings

from julep_project.core.work import renewing

# How much longer work that must not be begun a second time may take.
LAST_FACTOR = 1.5
# For what comes after a call that ended in time: some steps, a commit, a message.
_FINISH_S = 3.0
_POLL_S = 0.05

_asked = 0
_asked_at = 0.0


def ask() -> None:
    """Begin to drain; asked again: hand back now. For signal handlers: it takes no lock."""
    global _asked, _asked_at
    _asked_at = _asked_at or time.monotonic()
    _asked += 1


def is_draining() -> bool:
    """Whether this process was told to stop: who could begin more work leaves it to others."""
    return _asked > 0


def is_urgent() -> bool:
    return _asked > 1


def time_left_s(factor: float = 1.0) -> float:
    """What is left of the time for work under way, or of `factor` times that."""
    return 0.0 if is_urgent() else max(_asked_at + settings.DRAIN_SECONDS * factor - time.monotonic(), 0.0)


def drain(is_over: Callable[[], bool], busy: Callable[[], int]) -> bool:
    """Wait until work under way is over; hand back what takes too long. Whether all of it has ended.

    `busy` counts the pieces of work under way, those that were handed back included.
    """
    if _wait(is_over, 1.0):
        return True
    renewing.hand_back(last=False)
    if _wait(lambda: is_over() or not renewing.is_held(), LAST_FACTOR) and is_over():
        return True
    renewing.hand_back(last=True)
    deadline = time.monotonic() + _FINISH_S
    while not is_over() and busy() > renewing.abandoned() and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return is_over()


def _wait(condition: Callable[[], bool], factor: float) -> bool:
    while not condition():
        if time_left_s(factor) == 0:
            return False
        time.sleep(_POLL_S)
    return True
