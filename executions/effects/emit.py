"""Effect of an emit step: an event that is recorded, once for each effect."""

from collections.abc import Callable
from typing import Any

from agents.tools.errors import Delivery, ToolError
from executions.engine.run import Run
from executions.events.models import EventSource
from executions.events.recording import NewEvent, check_event, count_event, record_event
from executions.events.wire import event_output
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.rates.errors import TooManyRequests


def prepare(run: Run, effect: dict[str, Any]) -> Callable[[], Any]:
    """What records the event and gives it.

    Raises:
        BadRequest: it is no event.
    """
    request = effect["request"]
    new = NewEvent(request["name"], request["data"], request["key"] or effect["key"])
    check_event(new)
    developer, run_id = run.developer, str(run.execution_id)

    def emit() -> Any:
        try:
            count_event(developer)
        except TooManyRequests as error:
            # No failure: the run waits until there is room.
            wait_s = float(error.retry_after_s or 1)
            raise ToolError(error.message, wait_s=wait_s, retryable=True, delivery=Delivery.NOT_SENT) from error
        with acting_as(Actor(ActorKind.RUN, run_id)):
            recorded = record_event(developer=developer, new=new, source=EventSource.STEP, source_id=run_id)
        return event_output(recorded.event)

    return emit
