"""Takes out of the audit log what may tell of a person. That something was done, to which ids and by whom, stays."""

from collections.abc import Iterable
from uuid import UUID

from agents.retention.pace import Pace

UPKEEP = "erasure"
_STRIP = """
    UPDATE audit_auditrecord SET name = '', before = NULL, after = NULL WHERE id IN (
        SELECT id FROM audit_auditrecord WHERE object_id = ANY (%(objects)s) AND developer_id = %(developer)s
          AND (name <> '' OR before IS NOT NULL OR after IS NOT NULL)
        LIMIT %(rows)s) RETURNING id
"""


def strip_records(developer_id: UUID, object_ids: Iterable[UUID], pace: Pace) -> int:
    """Leave of these objects their ids; how many records that was. The pace must be one for `UPKEEP`."""
    return pace.drain(_STRIP, {"developer": developer_id, "objects": list(map(str, object_ids))})
