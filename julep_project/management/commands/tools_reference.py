"""`manage.py tools_reference`: the generated parts of `docs/tools.md`."""

from agents.tools import reference
from julep_project.management.reference_command import ReferenceCommand


class Command(ReferenceCommand):
    """See `ReferenceCommand`."""

    help = "Compare the tables of docs/tools.md with the registries of tools, or write them."
    page = "tools.md"

    def written(self, page: str) -> str:
        return reference.written(page)
