"""An MCP server on loopback, made with the library: streamable HTTP in both its generations, and SSE."""

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

PIXEL = bytes.fromhex("89504e470d0a1a0a")
PROTECTED = "/.well-known/oauth-protected-resource/mcp"
_OPEN = TransportSecuritySettings(enable_dns_rebinding_protection=False)


class Tide(BaseModel):
    """What `tide` gives."""

    port: str
    metres: float


class Answer(BaseModel):
    """What `ask` wants to know."""

    berth: int


class McpServer:
    """`http` and `sse` are its addresses. `seen` holds what calls brought: headers and `_meta`, in order."""

    def __init__(self, name: str = "harbour") -> None:
        self.library = MCPServer(name, version="7")
        self.seen: list[dict[str, Any]] = []
        # Who is let in, and what the server says of who gives out tokens for it.
        self.admits: Callable[[str], bool] | None = None
        self.protection: dict[str, Any] = {}
        self.ended = threading.Event()
        self._add_tools()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        http = self.library.streamable_http_app(transport_security=_OPEN)
        sse = self.library.sse_app(transport_security=_OPEN)
        routes = [Route(PROTECTED, self._protection), Mount("/old", app=sse), Mount("/", app=http)]
        app = Starlette(routes=routes, lifespan=lambda _: http.router.lifespan_context(http))
        app.add_middleware(BaseHTTPMiddleware, dispatch=self._guarded)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            threading.Event().wait(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None and self._thread is not None
        self._server.should_exit = True
        self._thread.join(timeout=5)

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    @property
    def http(self) -> str:
        return f"{self.url}/mcp"

    @property
    def sse(self) -> str:
        return f"{self.url}/old/sse"

    async def _guarded(self, request: Request, go_on: RequestResponseEndpoint) -> Response:
        """Let in only who brings what `admits` takes, if it is set."""
        admits = None if request.url.path == PROTECTED else self.admits
        if admits is None or admits(request.headers.get("authorization", "")):
            return await go_on(request)
        challenge = f'Bearer resource_metadata="{self.url}{PROTECTED}", scope="tides"'
        return Response(status_code=401, headers={"www-authenticate": challenge})

    async def _protection(self, request: Request) -> Response:
        return JSONResponse(self.protection)

    def replace(self, function: Callable[..., Any], **described: Any) -> None:
        """Describe a tool otherwise than before, or a new one."""
        name = function.__name__
        if name in {tool.name for tool in self.library._tool_manager.list_tools()}:
            self.library.remove_tool(name)
        self.library.add_tool(function, **described)

    def _add_tools(self) -> None:
        add = self.library.add_tool

        def tide(port: str) -> Tide:
            """The height of the tide."""
            return Tide(port=port, metres=2.5)

        def say(text: str) -> str:
            """Say it again."""
            return text

        def picture() -> list[Any]:
            return ["a pixel", Image(data=PIXEL, format="png")]

        def fail(why: str) -> str:
            raise ToolError(why)

        async def slow(steps: int, pause: float, context: Context[Any, Any]) -> str:
            try:
                for step in range(steps):
                    await context.report_progress(step, steps)
                    await asyncio.sleep(pause)
            except asyncio.CancelledError:
                self.ended.set()
                raise
            return "done"

        async def told(context: Context[Any, Any]) -> str:
            request = context.request_context
            headers = dict(request.request.headers) if request.request is not None else {}
            self.seen.append({"headers": headers, "meta": dict(request.meta or {})})
            return f"key {headers.get('authorization', '')}"

        async def ask(context: Context[Any, Any]) -> Any:
            if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
                if context.input_responses is None:
                    form = {"type": "object", "properties": {"berth": {"type": "integer"}}}
                    asked = ElicitRequest(params=ElicitRequestFormParams(message="Which berth?", requested_schema=form))
                    return InputRequiredResult(input_requests={"berth": asked})
                answer = context.input_responses["berth"]
                return f"a person said {answer.action} {(answer.content or {}).get('berth', '')}".rstrip()
            said = await context.elicit("Which berth?", Answer)
            return f"a person said {said.action} {said.data.berth if said.action == 'accept' else ''}".rstrip()

        add(ask, structured_output=False)
        add(tide)
        add(say, structured_output=False)
        add(picture, structured_output=False)
        add(fail, structured_output=False)
        add(slow, structured_output=False)
        add(told, structured_output=False)

        @self.library.resource("harbour://chart", mime_type="text/plain")
        def chart() -> str:
            return "rocks"

        @self.library.prompt()
        def greet(name: str) -> str:
            return f"Greet {name}."
