"""Who asks: known to every handler from the request that it serves."""

from dataclasses import dataclass
from typing import Any

from mcp.server.context import ServerRequestContext

from agents.models import Developer
from julep_project.core.api.auth import KeyScope, Principal
from julep_project.mcp_server.asking import Line

# Where the bridge puts it in the scope of a request.
STATE = "julep.caller"

Context = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """The developer whose key was sent, and what the key is for. With a `line` the client may be asked something."""

    principal: Principal
    request_id: str
    line: Line | None = None

    @property
    def developer(self) -> Developer:
        developer: Developer = self.principal.developer
        return developer

    def require_write(self) -> None:
        """Refuse a key that may only read.

        Raises:
            Forbidden
        """
        self.principal.require(KeyScope.WRITE)


def caller_of(context: Context) -> Caller:
    """Who sent the request."""
    request: Any = context.request
    caller: Caller = request.scope[STATE]
    return caller
