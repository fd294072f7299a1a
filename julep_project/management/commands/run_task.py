"""`manage.py run_task FILE`: run a task definition without broker, workers or API, to try it out."""

import json
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.models import Agent, Developer
from agents.services import AgentServices
from executions import selectors, services
from executions.engine.dispatch import dispatching_to
from executions.inprocess import InProcessDispatcher
from executions.models import Execution
from executions.states import TERMINAL_EXECUTION, ExecutionStatus
from julep_project.core.errors import DomainError
from julep_project.core.reading.outside_json import read_json
from julep_project.core.reading.yaml_loader import load_yaml
from tasks.api.serializers import read_definition
from tasks.services import create_task


class Command(BaseCommand):
    """Stores the task under a new agent, starts it and prints its log. Timers fire at once, in their order."""

    help = (
        "Run a YAML or JSON task definition on the database of DATABASE_URL, in this process. "
        "Timers do not wait; open waits are answered with --answer, in order."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="task definition")
        parser.add_argument("--input", default="{}", help="input of the execution, as JSON")
        parser.add_argument("--answer", action="append", default=[], help="answer to an open wait, as JSON")
        parser.add_argument("--model", default="", help="model of the agent")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 0 only if the execution succeeded."""
        try:
            execution = self._run(options["file"], options["input"], options["answer"], options["model"])
        except DomainError as error:
            details = json.dumps(error.extra, indent=2) if error.extra else ""
            raise CommandError(f"{error.message} {details}".strip()) from None
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise CommandError(str(error)) from None
        self._print(execution)
        if execution.status != ExecutionStatus.SUCCEEDED:
            raise CommandError(f"the execution is {execution.status}: {execution.error or ''}")

    @staticmethod
    def _run(file: Path, input_: str, answers: list[str], model: str) -> Execution:
        developer = Developer.objects.get()
        agent: Agent = AgentServices().create(developer=developer, values={"name": file.stem, "model": model})
        definition = read_definition(load_yaml(file.read_bytes()))
        task = create_task(developer=developer, agent=agent, definition=definition)
        dispatcher = InProcessDispatcher()
        with dispatching_to(dispatcher):
            execution = services.start_execution(developer=developer, task=task, input_=read_json(input_))
            dispatcher.run_to_rest(execution.pk)
            for answer in answers:
                services.resume_execution(developer=developer, execution_id=execution.pk, value=read_json(answer))
                dispatcher.run_to_rest(execution.pk)
        return selectors.get_execution(developer, execution.pk)

    def _print(self, execution: Execution) -> None:
        for row in selectors.list_transitions(execution).order_by("seq"):
            place = f"{row.current['workflow']}[{row.current['step']}]"
            self.stdout.write(f"{row.type:<13}  {place}  {json.dumps(row.output, ensure_ascii=False)[:200]}")
        if execution.status in TERMINAL_EXECUTION:
            self.stdout.write(json.dumps(execution.output, ensure_ascii=False, indent=2))
