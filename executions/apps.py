"""App registration."""

from django.apps import AppConfig

from agents.tool_types import ToolType


class ExecutionsConfig(AppConfig):
    """Django app `executions`."""

    name = "executions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from agents.tools.registry import register_completion, register_reference, register_runner
        from executions.called import offering, running

        register_runner(ToolType.TASK.value, running.run)
        register_completion(ToolType.TASK.value, offering.with_tasks)
        register_reference(ToolType.TASK.value, offering.wrong_task)
