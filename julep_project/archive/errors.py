"""Why an archive is not made or not taken."""

from julep_project.core.errors import BadRequest, Conflict


class ArchiveRefused(BadRequest):
    """The archive cannot be read."""


class RowsTaken(Conflict):
    """What is to be imported is there already."""


class WorkUnderWay(Conflict):
    """The developer has runs that have not ended."""
