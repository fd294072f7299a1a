"""Errors of conversations.

Conflict                409
  SessionBusy           another chat runs on the session
    WaitedTooLong       others did for as long as a chat may take
  TurnStopped           the chat ended early
    TurnInterrupted     a later chat took over; what was said so far is kept
    TurnDropped         a later chat took over; nothing is kept
    TurnLost            the lease ran out; nothing is kept
    ChatNotRead         the client did not read; what was said so far is kept
    ChatTimedOut  504   it took longer than a chat may; what was said so far is kept
  ApprovalOver          the call no longer waits for approval
  ApprovalChanged       the call would be another one by now
  ActionMissing         what has to be done before the call was not done
TooManyToolRounds       502
TemplateFailed          400
PromptOverBudget        400
"""

from julep_project.core.errors import (
    AnswerTimedOut,
    BadRequest,
    Conflict,
    DomainError,
    PromptTooBig,
    ReaderTooSlow,
)


class SessionBusy(Conflict):
    """Another chat is running on this session."""

    code = "session_busy"


class WaitedTooLong(SessionBusy):
    """Other chats were running on this session for as long as a chat may take."""


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


class ChatNotRead(ReaderTooSlow, TurnStopped):
    """The client did not read what was said to it, and the chat was stopped."""


class ChatTimedOut(AnswerTimedOut, TurnStopped):
    """The chat took longer than a chat may."""


class ApprovalOver(Conflict):
    """The call does not wait for approval (any more)."""

    code = "approval_over"


class ApprovalChanged(Conflict):
    """The call is not the one that was asked about any more: its tool, or what is preset for it, has changed."""

    code = "approval_changed"


class ActionMissing(Conflict):
    """Somebody has to do something before the call can be made, such as to sign in, and has not."""

    code = "action_missing"


class TooManyToolRounds(DomainError):
    """The model went on calling tools instead of answering."""

    status = 502
    code = "too_many_tool_rounds"
    repeatable = True


class TemplateFailed(BadRequest):
    """The template cannot be rendered."""


class PromptOverBudget(PromptTooBig):
    """The prompt has more tokens than it may have."""

    def __init__(self, message: str, *, model: str, tokens: int, budget: int) -> None:
        super().__init__(message, extra={"tokens": tokens, "budget": budget})
        self.model = model
        self.tokens = tokens
        self.budget = budget
