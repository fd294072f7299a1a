"""What system tools may do with schedules."""

from typing import Any

from agents.api.resource import ResourceOperations
from agents.tools.system import SystemCall, operation
from executions.schedules import services
from executions.schedules.api.serializers import PauseBody
from executions.schedules.api.views import SCHEDULES
from executions.schedules.wire import occurrence_to_wire, schedule_to_wire

Json = dict[str, Any]

ResourceOperations(SCHEDULES).register()


@operation("schedule.pause", ids="schedule_id", body=PauseBody)
def pause_schedule(call: SystemCall) -> Json:
    """Let a schedule fire no more until it is resumed."""
    values = PauseBody.read(call.besides("schedule_id"))
    row = services.pause_schedule(developer=call.developer, schedule_id=call.id("schedule_id"), **values)
    return schedule_to_wire(row)


@operation("schedule.resume", ids="schedule_id")
def resume_schedule(call: SystemCall) -> Json:
    """Let a paused schedule fire again."""
    return schedule_to_wire(services.resume_schedule(developer=call.developer, schedule_id=call.id("schedule_id")))


@operation("schedule.occurrence.list", ids="schedule_id", page=100)
def list_occurrences(call: SystemCall) -> list[Json]:
    """List what became of the times of a schedule, the newest first."""
    rows = services.list_occurrences(call.developer, call.id("schedule_id")).defer("input")
    return [occurrence_to_wire(row) for row in call.paging(max_limit=100).load(rows)]
