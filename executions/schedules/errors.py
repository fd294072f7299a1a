"""Why something is not scheduled.

BadRequest              400
  TooManyTimes
Conflict                409
  TooManySchedules
"""

from julep_project.core.errors import BadRequest, Conflict


class TooManyTimes(BadRequest):
    """There are too many times in this range."""

    code = "too_many_times"


class TooManySchedules(Conflict):
    """There are as many schedules as there may be."""

    code = "too_many_schedules"
