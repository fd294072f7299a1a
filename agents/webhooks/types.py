"""The types of events that endpoints can be told of. The one table of them: what is described is made from it."""

from collections.abc import Iterable
from enum import StrEnum


class EventType(StrEnum):
    """What has happened: of what, and what of it."""

    EXECUTION_STARTED = "execution.started"
    EXECUTION_SUCCEEDED = "execution.succeeded"
    EXECUTION_FAILED = "execution.failed"
    EXECUTION_CANCELLED = "execution.cancelled"
    EXECUTION_REQUIRES_ACTION = "execution.requires_action"
    SESSION_MESSAGE = "session.message"
    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_ABORTED = "job.aborted"
    RESPONSE_COMPLETED = "response.completed"
    RESPONSE_INCOMPLETE = "response.incomplete"
    RESPONSE_FAILED = "response.failed"
    RESPONSE_CANCELLED = "response.cancelled"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_SKIPPED = "schedule.skipped"
    SCHEDULE_FAILED = "schedule.failed"
    BUDGET_REACHED = "budget.reached"
    WEBHOOK_TEST = "webhook.test"


TEXTS: dict[EventType, str] = {
    EventType.EXECUTION_STARTED: "A run has begun its first step.",
    EventType.EXECUTION_SUCCEEDED: "A run has ended with an output.",
    EventType.EXECUTION_FAILED: "A run has ended with an error.",
    EventType.EXECUTION_CANCELLED: "A run was cancelled.",
    EventType.EXECUTION_REQUIRES_ACTION: "A run goes on only when somebody answers: all that is left of it waits.",
    EventType.SESSION_MESSAGE: "A message was added to a session, by whoever it was.",
    EventType.JOB_SUCCEEDED: "A job in the background has done its work.",
    EventType.JOB_FAILED: "A job in the background was given up.",
    EventType.JOB_ABORTED: "A job in the background was ended before its work was done.",
    EventType.RESPONSE_COMPLETED: "A response in the background is complete.",
    EventType.RESPONSE_INCOMPLETE: "A response in the background has ended before it was complete.",
    EventType.RESPONSE_FAILED: "A response in the background has failed.",
    EventType.RESPONSE_CANCELLED: "A response in the background was cancelled.",
    EventType.SCHEDULE_PAUSED: "A schedule has paused itself.",
    EventType.SCHEDULE_SKIPPED: "A schedule has let one of its times pass.",
    EventType.SCHEDULE_FAILED: "What a schedule started has failed, or could not be started.",
    EventType.BUDGET_REACHED: "What is spent has reached a limit in its current period.",
    EventType.WEBHOOK_TEST: "Somebody wants to see whether messages arrive. Sent to one webhook, whatever it asks for.",
}

ALL = "*"
_BELOW = ".*"


def patterns() -> list[str]:
    """Everything that an endpoint may ask for."""
    return [ALL, *_once(_kind_of(each) for each in EventType), *(each.value for each in EventType)]


def _kind_of(of: EventType) -> str:
    return of.partition(".")[0] + _BELOW


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
