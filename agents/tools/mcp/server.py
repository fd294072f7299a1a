"""Where an MCP server is, and what is asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from agents.tools.errors import Delivery, ToolError
from julep_project.core.http import is_sealed_way, place_of_url
from julep_project.core.json_value import Json

Transport = Literal["http", "sse", "stdio"]
TRANSPORTS: tuple[Transport, ...] = ("http", "sse", "stdio")

# What may be asked of a server, whatever tools it has.
LIST_TOOLS, CALL_TOOL = "list_tools", "call_tool"
METHODS = (LIST_TOOLS, CALL_TOOL, "list_resources", "read_resource", "list_prompts", "get_prompt")
# What a call may wait for that asks it nothing: somebody to sign in to it.
SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class Server:
    """A server as the definition of a tool has it. `command` is the name of one of the setting `MCP_COMMANDS`.
    `protocol`: the version that it spoke last, if that is known."""

    transport: Transport
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    command: str = ""
    protocol: str | None = None

    @classmethod
    def of_spec(cls, spec: Mapping[str, Json]) -> Self:
        """That of a tool of the kind `mcp`.

        Raises:
            ToolError
        """
        given = spec.get("server")
        return cls._read(given if isinstance(given, Mapping) else {}, url="url", headers="headers")

    @classmethod
    def of_setup(cls, setup: Mapping[str, Json]) -> Self:
        """That of an integration. Arguments and environment of its command are the operator's: they run nothing.

        Raises:
            ToolError
        """
        return cls._read(setup, url="http_url", headers="http_headers")

    @classmethod
    def _read(cls, given: Mapping[str, Json], *, url: str, headers: str) -> Self:
        command, address = given.get("command"), given.get(url)
        transport = given.get("transport") or ("stdio" if command and not address else "http")
        sent = given.get(headers) or {}
        if transport not in TRANSPORTS:
            raise _unusable(f"there is no transport {str(transport)[:20]!r}: it is one of {', '.join(TRANSPORTS)}")
        if transport == "stdio":
            if not isinstance(command, str) or not command:
                raise _unusable("a server of the transport `stdio` needs a `command`")
            return cls(transport, command=command)
        if not isinstance(address, str) or not address:
            raise _unusable(f"a server of the transport `{transport}` needs `{url}`")
        if not isinstance(sent, Mapping) or not all(isinstance(value, str) for value in sent.values()):
            raise _unusable(f"`{headers}` must be texts by their names")
        return cls(transport, url=address, headers=dict(sent))

    @property
    def place(self) -> str:
        """For people to read, without credentials."""
        return self.command if self.transport == "stdio" else place_of_url(self.url)

    def signed(self, token: str) -> Self:
        """The same for somebody who is signed in there.

        Raises:
            ToolError: the token would be sent as it is.
        """
        if not is_sealed_way(self.url):
            raise _unusable("its address is not encrypted, and the call would have a token in it")
        kept = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
        return replace(self, headers={**kept, "authorization": f"Bearer {token}"})

    def speaking(self, protocol: str | None) -> Self:
        return replace(self, protocol=protocol or None)


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that is asked. It ends when there was no sign of the server for `idle_s`, or after `whole_s`. `key` is
    the same when it is asked again because the answer was lost.

    What the server asks a person is declined, unless `asks_people`: then it is the answer, and the same is asked again
    with the `replies`, by the server's names for its questions, and the `state` that it gave. A server of the
    generation before asks while it is at work; with `is_repeatable` it may be made to begin anew. With `takes_defaults`
    forms that need nothing else are accepted at once, as they are. `turn` is another one each time the same is asked.
    `is_harmless`: a tool that is called twice does no more than one that is called once.
    """

    method: str
    arguments: Mapping[str, Json] = field(default_factory=dict, repr=False)
    idle_s: float = 60.0
    whole_s: float = 60.0
    key: str = ""
    asks_people: bool = False
    is_repeatable: bool = False
    is_harmless: bool = False
    takes_defaults: bool = False
    turn: int = 0
    replies: Mapping[str, Mapping[str, Json]] = field(default_factory=dict, repr=False)
    state: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a server asks people before it answers, by its names: each as `elicitation/create` has it.

    `replies` and `state` go back with what they say. With `begins_anew` all replies are told each time. Without what
    `is_needed` the server refuses the call.
    """

    asked: Mapping[str, Mapping[str, Json]]
    replies: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    state: str | None = None
    begins_anew: bool = False
    is_needed: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, as plain JSON. `declined` are questions to a person, which nobody was asked. With an
    `inquiry` it said nothing yet."""

    value: Mapping[str, Json]
    protocol: str
    server_info: Mapping[str, Json] = field(default_factory=dict)
    declined: tuple[str, ...] = ()
    inquiry: Inquiry | None = None


def connection_of(spec: Mapping[str, Json]) -> Json:
    """In whose name the server of a definition is asked; None if in nobody's."""
    server = spec.get("server")
    return server.get("connection") if isinstance(server, Mapping) else None


def _unusable(message: str) -> ToolError:
    return ToolError(message, delivery=Delivery.NOT_SENT)
