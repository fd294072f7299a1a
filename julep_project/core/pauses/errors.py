"""What is answered to who asks for something that is paused.

ServiceUnavailable      503
  Paused
"""

import math
from typing import TYPE_CHECKING

from julep_project.core.clock import now
from julep_project.core.errors import ServiceUnavailable

if TYPE_CHECKING:
    from julep_project.core.pauses.standing import Standing

# How soon to ask again where nobody said when the pause ends, and at the latest.
_USUALLY_S = 30
_LATEST_S = 3600


class Paused(ServiceUnavailable):
    """This is paused; try again later."""

    code = "paused"

    def __init__(self, what: str, pause: "Standing"):
        super().__init__(f"{what} for the moment: {pause.reason}" if pause.reason else f"{what} for the moment")
        self.pause = pause
        left_s = _USUALLY_S if pause.until is None else math.ceil((pause.until - now()).total_seconds())
        self.retry_after_s = min(max(left_s, 1), _LATEST_S)
