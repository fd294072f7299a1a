"""`manage.py language_reference`: the generated parts of `docs/language.md`."""

from julep_project.management.reference_command import ReferenceCommand
from tasks.programs import reference


class Command(ReferenceCommand):
    """See `ReferenceCommand`."""

    help = "Compare the tables of docs/language.md with the language itself, or write them."
    page = "language.md"

    def written(self, page: str) -> str:
        return reference.written(page)
