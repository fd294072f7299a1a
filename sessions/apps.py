"""App registration."""

from django.apps import AppConfig

from agents.tool_types import ToolType


class SessionsConfig(AppConfig):
    """Conversations. Django owns the label `sessions`, so this app is `chat_sessions`."""

    name = "sessions"
    label = "chat_sessions"
    verbose_name = "Sessions and chat"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from agents.tools.registry import register_completion, register_reference, register_runner
        from sessions.agent_tools import offering, running

        register_runner(ToolType.AGENT.value, running.run)
        register_completion(ToolType.AGENT.value, offering.with_agents)
        register_reference(ToolType.AGENT.value, offering.wrong_agent)
