"""Why a run cannot be tried again, or not like this.

BadRequest              400
  TooManyTransitions
Conflict                409
  StillRunning
  NotRetryable
  ConfirmationNeeded
"""

from julep_project.core.errors import BadRequest, Conflict


class TooManyTransitions(BadRequest):
    """The run has more transitions than are copied."""

    code = "too_many_transitions"


class StillRunning(Conflict):
    """The run has not ended."""

    code = "execution_still_running"


class NotRetryable(Conflict):
    """The run cannot be gone on with from there."""

    code = "execution_not_retryable"


class ConfirmationNeeded(Conflict):
    """Tools that are declared `at_most_once` would be called again."""

    code = "confirmation_needed"
