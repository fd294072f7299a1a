"""What a provider offers: methods with a setup, arguments and a function."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.tool_types import Effect
from agents.tools.actions import Given
from agents.tools.errors import BadArguments, Delivery, ToolError
from julep_project.core.json_value import Json
from julep_project.core.schemas.json_schema import find_problem

Schema = Mapping[str, Json]
# The key of a setup for what somebody who has signed in may do.
ACCESS_TOKEN = "access_token"
_SINGLE = frozenset({"string", "integer", "number", "boolean"})


@dataclass(frozen=True, slots=True)
class People:
    """Whether people may be asked something while a call is carried out, and the call begun anew for what they say;
    and what they have said to one that has waited for that."""

    may_be_asked: bool = False
    may_begin_anew: bool = True
    said: Given | None = None


NOBODY = People()


@dataclass(frozen=True, slots=True)
class IntegrationCall:
    """One call of a method, with its setup and arguments checked and complete. `ends_at` is on the monotonic clock."""

    provider: str
    setup: Mapping[str, Json]
    arguments: Mapping[str, Json]
    idempotency_key: str
    ends_at: float
    people: People = field(default=NOBODY, repr=False)

    def seconds_left(self) -> float:
        """What remains for the whole call.

        Raises:
            ToolError: nothing.
        """
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise ToolError("the call was not finished in time", repeatable=True, delivery=Delivery.UNCLEAR)
        return left


def schema(required: str = "", /, **properties: Schema) -> dict[str, Json]:
    """The schema of an object; `required` names properties, separated by blanks. Others are left alone."""
    found: dict[str, Json] = {"type": "object", "properties": properties}
    return {**found, "required": required.split()} if required else found


def text(description: str, **more: Json) -> dict[str, Json]:
    """The schema of a text that is not empty."""
    return {"type": "string", "minLength": 1, "description": description, **more}


@dataclass(frozen=True, slots=True)
class Method:
    """One thing a provider can do.

    `run` returns plain JSON and raises only `ToolError`. `server_keys` says which setting of the server stands in for
    a key the setup leaves out; `other_names` and `other_argument_names` which names of earlier clients mean which key
    of the setup and which argument. `effect`: what a call does to the world, if the author of a tool says nothing.
    """

    provider: str
    name: str
    description: str
    run: Callable[[IntegrationCall], Json]
    arguments: Schema
    setup: Schema = field(default_factory=schema)
    server_keys: Mapping[str, str] = field(default_factory=dict)
    other_names: Mapping[str, str] = field(default_factory=dict)
    other_argument_names: Mapping[str, str] = field(default_factory=dict)
    effect: Effect = Effect.CHANGES

    def checked_setup(self, given: Mapping[str, Json], defaults: Mapping[str, Json]) -> dict[str, Json]:
        """The setup, complete. Its values may be secret, so that a message names places only.

        Raises:
            ToolError
        """
        renamed = {self.other_names.get(name, name): value for name, value in given.items() if value is not None}
        setup = {**_defaults(self.setup), **defaults, **renamed}
        missing = [name for name in self.setup.get("required", ()) if not setup.get(name)]
        if missing:
            raise ToolError(f"the setup of {self.provider} needs {', '.join(missing)}{self._hint(missing)}")
        problem = find_problem(self.setup, setup)
        if problem is not None:
            raise ToolError(f"the setup of {self.provider} has a value of the wrong form at {problem.path}")
        return setup

    def checked_arguments(self, given: Mapping[str, Json]) -> dict[str, Json]:
        """The arguments with defaults filled in; nulls count as not given.

        Raises:
            BadArguments
        """
        arguments = {
            **_defaults(self.arguments),
            **{self.other_argument_names.get(name, name): value for name, value in given.items() if value is not None},
        }
        problem = find_problem(self.arguments, arguments)
        if problem is not None:
            raise BadArguments(
                f"the arguments of {self.provider} {self.name} do not fit: {problem.message} (at {problem.path})"
            )
        return arguments

    @property
    def takes_token(self) -> bool:
        """Whether it may be called in the name of somebody who has signed in."""
        return ACCESS_TOKEN in self.setup["properties"]

    def takes_object(self, name: str) -> bool:
        """Whether an object or a list may stand under this key of the setup; under an unknown one it may."""
        part = self.setup["properties"].get(self.other_names.get(name, name), {})
        return part.get("type") not in _SINGLE

    def _hint(self, missing: list[str]) -> str:
        settings = [self.server_keys[name] for name in missing if name in self.server_keys]
        return f" (or the server's setting {', '.join(settings)})" if settings else ""


def misread_names(method: Method | None, setup: Mapping[str, Json]) -> list[str]:
    """Keys of a setup under which an object stands that was meant as a text."""
    objects = {name: value for name, value in setup.items() if isinstance(value, Mapping | list)}
    return [
        name
        for name, value in objects.items()
        if (isinstance(value, Mapping) and list(value.values()) == [None])
        or (method is not None and not method.takes_object(name))
    ]


def _defaults(of: Schema) -> dict[str, Json]:
    return {name: part["default"] for name, part in of["properties"].items() if "default" in part}


# Fields of a letter, all of them needed.
LETTER: Mapping[str, Schema] = {
    "to": text("Address of the receiver"),
    "from": text("Address of the sender"),
    "subject": {"type": "string"},
    "body": {"type": "string"},
}


def search_of_the_web(
    provider: str,
    run: Callable[[IntegrationCall], Json],
    *,
    most: int,
    more: Mapping[str, Schema] | None = None,
    **options: Any,
) -> Method:
    """A search of the web, which models see alike whoever offers it. `more` are further arguments."""
    count = {"type": "integer", "minimum": 1, "maximum": most, "default": 3}
    return Method(
        provider=provider,
        name="search",
        description="Search the web. Gives titles, links and snippets of the best pages.",
        run=run,
        arguments=schema("query", query=text("What to search for"), count=count, **(more or {})),
        effect=Effect.READS,
        **options,
    )
