"""`manage.py compatibility_reference`: the generated part of `docs/compatibility.md`."""

from julep_project.management import compatibility
from julep_project.management.reference_command import ReferenceCommand


class Command(ReferenceCommand):
    """See `ReferenceCommand`."""

    help = "Compare the tables of docs/compatibility.md with what each compatible surface takes, or write them."
    page = "compatibility.md"

    def written(self, page: str) -> str:
        return compatibility.written(page)
