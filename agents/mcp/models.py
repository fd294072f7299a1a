"""MCP servers that tools name, and the tools they were found to have."""

from django.db import models
from django.db.models import Q

from agents.models import Agent, Developer, Tool
from julep_project.core.models import Resource
from julep_project.core.tenancy import TenantManager

_HASH_LENGTH = 64


class McpServer(Resource):
    """The server of one tool of the kind `mcp`: of a stored one, or of those that tasks of an agent define themselves,
    which is known by its `definition`: a hash of where it is.

    `protocol` is the version it spoke last. `problem` says why it could not be asked for its tools the last time.
    """

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+")
    tool = models.OneToOneField(Tool, null=True, blank=True, on_delete=models.CASCADE, related_name="mcp_server")
    definition = models.CharField(max_length=_HASH_LENGTH)
    name = models.CharField(max_length=40)
    place = models.CharField(max_length=255, blank=True, default="")
    transport = models.CharField(max_length=8)
    protocol = models.CharField(max_length=32, blank=True, default="")
    server_info = models.JSONField(default=dict, blank=True)
    listed_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True, default="")
    left_out = models.JSONField(default=list, blank=True, help_text="tools that cannot be used, and why")
    has_forgotten = models.BooleanField(
        default=False, db_default=False, help_text="whether tools that it had once are known no more"
    )

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "definition"], condition=Q(tool__isnull=True), name="mcp_server_of_definition"
            ),
        ]
        indexes = [models.Index(fields=["developer", "-created_at", "-id"], name="mcp_server_of_developer")]

    def __str__(self) -> str:
        return self.name


class ToolState(models.TextChoices):
    """Whether a tool of a server may be used."""

    ACCEPTED = "accepted", "as it was accepted"
    CHANGED = "changed", "the server describes it otherwise now"
    NEW = "new", "found later, and not accepted yet"
    GONE = "gone", "the server does not list it any more"


class McpTool(Resource):
    """A tool of a server as it was accepted: what models are shown and what `hash` pins. `found` is what the server
    says now, where that is something else."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="tools")
    name = models.CharField(max_length=128)
    mark = models.CharField(
        max_length=8, blank=True, default="", db_default="", help_text="tells apart what it is offered by"
    )
    description = models.TextField(blank=True, default="")
    input_schema = models.JSONField(default=dict)
    output_schema = models.JSONField(null=True, blank=True)
    annotations = models.JSONField(default=dict, blank=True)
    hash = models.CharField(max_length=_HASH_LENGTH)
    state = models.CharField(max_length=8, choices=ToolState.choices)
    found = models.JSONField(null=True, blank=True)

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.UniqueConstraint(fields=["server", "name"], name="mcp_tool_name_unique"),
            models.CheckConstraint(condition=Q(state__in=ToolState.values), name="mcp_tool_state_known"),
        ]
        indexes = [
            models.Index(fields=["server"], condition=Q(state__in=["changed", "new"]), name="mcp_tool_to_look_at"),
        ]

    def __str__(self) -> str:
        return self.name
