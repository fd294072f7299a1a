"""Upkeep of connections: those of users that are erased, and those that nobody has signed in to."""

from agents.connections.models import Connection
from agents.connections.services import tell_service
from agents.models import Developer
from agents.retention.kinds import Person, Personal, register_personal
from agents.retention.pace import Pace
from julep_project.core.tenancy import system_scope
from julep_project.core.work import keeper

_OF_USER = "SELECT id FROM connections_connection WHERE developer_id = %(developer)s AND user_id = %(user)s"
# So long after the last link is over nobody waits for it.
_FORGOTTEN = """
    DELETE FROM connections_connection WHERE id IN (
        SELECT id FROM connections_connection
        WHERE status = 'pending' AND link_until < now() - interval '30 days' ORDER BY id LIMIT %(rows)s)
    RETURNING id
"""


def _remove(person: Person, pace: Pace) -> int:
    """Services are told, too: whoever is erased is not signed in anywhere any more."""
    developer, count = Developer.objects.get(pk=person.developer_id), 0
    rows = Connection.objects.select_related("provider").filter(developer=developer, user=person.user_id)
    for row in list(rows):
        # Told first: this may be repeated, and a row that is gone tells nobody.
        tell_service(developer, row)
        count += Connection.objects.filter(pk=row.pk).delete()[0]
    return count


@system_scope()
def prune() -> int:
    """Remove connections that nobody has signed in to; how many."""
    return Pace().drain(_FORGOTTEN, {})


register_personal(Personal("connections", _OF_USER, _remove))
keeper.register(keeper.Keeper("connections.prune", 3600, prune))
