"""Removes runs that were started for a user, as `user_id` in their metadata says. Others cannot be known."""

from contextlib import suppress

from agents.models import Developer
from agents.retention.kinds import Person, Personal
from agents.retention.pace import Pace
from executions.removal.expiry import remove_runs
from executions.services import cancel_execution
from julep_project.core.database import fetch
from julep_project.core.errors import BadRequest, NotFound

_FOUND = """
    SELECT id FROM executions_execution
    WHERE developer_id = %(developer)s AND metadata @> jsonb_build_object('user_id', %(user)s::text)
"""
_SOME = f"{_FOUND} LIMIT 100"


def _remove(person: Person, pace: Pace) -> int:
    developer, count = Developer.objects.get(pk=person.developer_id), 0
    while found := [run_id for (run_id,) in fetch(_SOME, person.values)]:
        for run_id in found:
            with suppress(BadRequest, NotFound):  # it has ended
                cancel_execution(developer=developer, execution_id=run_id, reason="the user is erased")
        count += remove_runs(found, pace)
    return count


RUNS = Personal("runs", _FOUND, _remove)
