"""Errors of conversations.

Conflict                409
  SessionBusy           another chat runs on the session
  TurnStopped           the chat ended early
    TurnInterrupted     a later chat took over; what was said so far is kept
    TurnDropped         a later chat took over; nothing is kept
    TurnLost            the lease ran out; nothing is kept
TooManyToolRounds       502
TemplateFailed          400
"""

from julep_project.core.errors import BadRequest, Conflict, DomainError


class SessionBusy(Conflict):
    """Another chat is running on this session."""

    code = "session_busy"


class TurnStopped(Conflict):
    """The chat was stopped."""

    code = "turn_stopped"


class TurnInterrupted(TurnStopped):
    """The chat was interrupted by a later one; what was said until then is kept."""

    code = "turn_interrupted"


class TurnDropped(TurnStopped):
    """The chat was rolled back by a later one; nothing of it is kept."""

    code = "turn_rolled_back"


class TurnLost(TurnStopped):
    """The chat took too long to show signs of life and lost its turn; nothing of it is kept."""

    code = "turn_lost"


class TooManyToolRounds(DomainError):
    """The model went on calling tools instead of answering."""

    status = 502
    code = "too_many_tool_rounds"
    repeatable = True


class TemplateFailed(BadRequest):
    """The template cannot be rendered."""
