"""App registration."""

from django.apps import AppConfig

from agents.tool_types import ToolType


class McpClientConfig(AppConfig):
    """Django app `mcp_client`."""

    name = "agents.mcp"
    label = "mcp_client"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from agents.mcp import running
        from agents.mcp.offering import with_tools_of_servers
        from agents.tools.registry import register_completion, register_runner

        register_runner(ToolType.MCP.value, running.run)
        register_completion(ToolType.MCP.value, with_tools_of_servers)
