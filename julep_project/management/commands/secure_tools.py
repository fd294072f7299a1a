"""`manage.py secure_tools`: move keys that stand in stored tools into secrets."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import F

from agents.models import Tool
from agents.securing import Found, NotMoved, keys_in, move_keys
from agents.tool_definitions import tool_to_wire
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.errors import DomainError
from julep_project.core.tenancy import system_scope, tenant_scope
from tasks.models import TaskVersion


class Command(BaseCommand):
    """May be run again at any time. One line for each place, never with a value; exit code 1 if a tool failed."""

    help = "Move keys in the definitions of tools (setup, headers, cookies, params) into secrets that they name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--developer", metavar="ID", help="only the tools of this developer")

    def handle(self, *args: Any, **options: Any) -> None:
        """Tool by tool, each in a transaction of its own."""
        self._moved = self._failed = 0
        narrowed = {"developer": options["developer"]} if options["developer"] else {}
        with acting_as(Actor(ActorKind.COMMAND, "secure_tools")):
            with system_scope():
                tools = list(Tool.objects.filter(**narrowed).select_related("developer").order_by("pk"))
            for tool in tools:
                with tenant_scope(tool.developer_id):
                    self._look_at(tool, only_told=options["dry_run"])
            with system_scope():
                self._tell_of_tasks({f"task__{name}": value for name, value in narrowed.items()})
        done = "would be moved" if options["dry_run"] else "moved"
        self.stdout.write(f"{self._moved} keys {done}.")
        if self._failed:
            raise CommandError(f"{self._failed} tools were left as they are, for the reasons above")

    def _look_at(self, tool: Tool, *, only_told: bool) -> None:
        found = keys_in(tool_to_wire(tool))
        told = f"tool {tool.name} ({tool.pk})"
        try:
            named = {} if only_told else move_keys(tool)
        except (NotMoved, DomainError) as error:
            self._failed += 1
            self.stderr.write(f"{told}: not moved: {error}")
            return
        for key in found.keys:
            secret = named.get(key.place)
            self.stdout.write(f"{told}: {key.place}" + (f" is secrets.{secret} now" if secret else " would be moved"))
        self._moved += len(found.keys)
        self._tell_what_stays(told, found)

    def _tell_of_tasks(self, narrowed: dict[str, Any]) -> None:
        """A version of a task is never changed: its author stores another one."""
        versions = TaskVersion.objects.filter(number=F("task__version_number"), **narrowed).defer("program", "source")
        for version in versions.select_related("task").order_by("task_id").iterator():
            for tool in version.tools:
                found = keys_in(tool)
                found.stays += [f"{key.place}: update the task, with a secret here" for key in found.keys]
                self._tell_what_stays(f"task {version.task.name} ({version.task_id}), tool {tool['name']}", found)

    def _tell_what_stays(self, told: str, found: Found) -> None:
        for reason in found.stays:
            self.stdout.write(f"{told}: stays: {reason}")
