"""Who acts when nobody but a schedule does."""

from executions.schedules.models import Schedule
from julep_project.core.actor import Actor, ActorKind


def actor_of(schedule: Schedule) -> Actor:
    return Actor(ActorKind.SCHEDULE, str(schedule.pk), schedule.name)
