"""What becomes of each parameter that a compatible surface publishes: it is sent on to the model, honoured here, or
refused by name. None is left out silently.

The one table of a surface decides what is refused when a body is read, fills the page about compatibility, and is held
to the published schema by tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from typing import Any

from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json

_LONGEST_NAME = 80
_ALIKE = 0.8


class Fate(StrEnum):
    """What becomes of a parameter."""

    SENT = "sent"
    HONOURED = "honoured"
    REFUSED = "refused"


class ParameterRefused(BadRequest):
    """A parameter cannot be honoured here."""

    code = "unsupported_parameter"
    type = "invalid_request_error"

    def __init__(self, parameter: str, why: str = "") -> None:
        """`parameter` is a path like `tools[0].type`, `why` a sentence without its full stop."""
        told = f"The parameter {parameter!r} is not supported here"
        super().__init__(f"{told}: {why}" if why else told, extra={"param": parameter})
        self.param, self.why = parameter, why


class UnknownParameter(BadRequest):
    """A parameter is not known here."""

    code = "unknown_parameter"
    type = "invalid_request_error"

    def __init__(self, parameter: str, known: Sequence[str] = ()) -> None:
        name = parameter if len(parameter) <= _LONGEST_NAME else parameter[:_LONGEST_NAME] + "..."
        near = get_close_matches(name, known, n=1, cutoff=_ALIKE)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"Unknown parameter: {name!r}{hint}", extra={"param": name})
        self.param = name


def changes_nothing(value: Json, idle: Sequence[Json]) -> bool:
    """Whether it is one of the values that ask for nothing, of the same type: `false` is no 0. Null always does."""
    return value is None or any(value == one and type(value) is type(one) for one in idle)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of them. The values in `idle` change nothing, and are taken of one that is refused. `is_ours`: the published
    schema has no such parameter."""

    name: str
    fate: Fate
    note: str = ""
    idle: tuple[Json, ...] = ()
    is_ours: bool = False

    def refuses(self, value: Json) -> bool:
        """Whether this value is refused for the sake of the parameter."""
        return self.fate is Fate.REFUSED and not changes_nothing(value, self.idle)


def sent(name: str, note: str = "", **options: Any) -> Parameter:
    """It goes on to the model, which judges it."""
    return Parameter(name, Fate.SENT, note, **options)


def honoured(name: str, note: str = "", **options: Any) -> Parameter:
    """This server acts on it."""
    return Parameter(name, Fate.HONOURED, note, **options)


def refused(name: str, note: str = "", **options: Any) -> Parameter:
    """It is answered with 400; the note says why."""
    return Parameter(name, Fate.REFUSED, note, **options)


@dataclass(frozen=True)
class Surface:
    """An operation that others publish too. `published` are the types of their client that list its parameters, as
    `module:name`."""

    name: str
    path: str
    parameters: tuple[Parameter, ...]
    published: tuple[str, ...] = ()
    ignores_unknown: bool = False

    @cached_property
    def _by_name(self) -> Mapping[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    def names(self, *fates: Fate) -> list[str]:
        """Those with one of these fates; of all without any."""
        return [parameter.name for parameter in self.parameters if not fates or parameter.fate in fates]

    def check(self, body: Json) -> None:
        """Refuse what is not supported. Null counts as not given; what is no object is for others to refuse.

        Raises:
            ParameterRefused, UnknownParameter
        """
        for name, value in body.items() if isinstance(body, Mapping) else ():
            parameter = self._by_name.get(name)
            if parameter is not None:
                if parameter.refuses(value):
                    raise ParameterRefused(name, parameter.note.rstrip("."))
            elif value is not None and not self.ignores_unknown:
                raise UnknownParameter(str(name), self.names(Fate.SENT, Fate.HONOURED))
