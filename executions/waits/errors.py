"""Why an answer to a wait is not taken.

Conflict                409
  AnsweredAlready
"""

from julep_project.core.errors import Conflict


class AnsweredAlready(Conflict):
    """This person has answered already; each answers once."""

    code = "answered_already"
