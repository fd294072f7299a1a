"""Why many runs are not acted on.

BadRequest              400
  EmptyFilter
Conflict                409
  CountNeeded
"""

from julep_project.core.errors import BadRequest, Conflict


class EmptyFilter(BadRequest):
    """A filter that every run meets is refused."""

    code = "empty_filter"


class CountNeeded(Conflict):
    """Say with `confirm` how many runs are meant."""

    code = "confirmation_needed"
