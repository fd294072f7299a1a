"""What every step kind provides, and what it may ask of the engine."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields
from dataclasses import field as dataclass_field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast

from julep_project.core.json_value import Json
from tasks.language.values import Value
from tasks.steps.outcomes import Event, Outcome

if TYPE_CHECKING:
    from tasks.steps.loader import StepLoader
    from tasks.steps.reader import StepReader


class StepContext(Protocol):
    """The engine as a running step sees it.

    `input` is `_`. `memory` is what the outcome that suspended the step put aside. Errors raised by any method fail
    the step; a step does not catch them.
    """

    input: Json
    memory: Json

    def resolve(self, value: Value, **names: Json) -> Json:
        """The value with every expression and template in it replaced by its result; `names` are in scope too."""

    def fold(self, value: Value, items: list[Json], initial: Json) -> Json:
        """The value resolved for each item in turn, with the item as `_` and the last result as `results`."""

    def item(self, index: int) -> Json:
        """An item of the loop this step runs."""

    def results(self) -> list[Json]:
        """Outputs of the finished turns of the loop this step runs, in order."""

    def state(self, key: str) -> tuple[bool, Json]:
        """Whether the execution's store has the key, and its value."""

    def tool(self, name: str) -> dict[str, Json]:
        """The tool of that name, in wire form."""

    def with_presets(self, tool: Mapping[str, Json], arguments: Mapping[str, Json]) -> dict[str, Json]:
        """The arguments of a call of the client, with those over them that metadata presets."""


@dataclass(frozen=True, slots=True)
class Place:
    """An evaluated value of a step, where it stands, and the names only it may read."""

    path: str
    value: Value
    extra_names: frozenset[str] = frozenset()


def evaluated(path: str, *, extra_names: frozenset[str] = frozenset(), optional: bool = False) -> Any:
    """A field that holds a `Value` found at this path of the request."""
    metadata = {"form": "value", "path": path, "extra_names": extra_names}
    return dataclass_field(default=None, metadata=metadata) if optional else dataclass_field(metadata=metadata)


def body(key: str, *, optional: bool = False) -> Any:
    """A field that holds a body; `key` is how outcomes and paths name it."""
    metadata = {"form": "body", "key": key}
    return dataclass_field(default=(), metadata=metadata) if optional else dataclass_field(metadata=metadata)


def left_out() -> Any:
    """An optional field of plain JSON that is not in the stored form without a value, where nothing may change."""
    return dataclass_field(default=None, metadata={"form": "left out"})


class Step(ABC):
    """One step of a program: immutable, a dataclass whose fields are values, bodies or plain JSON.

    `main_key` makes an object a step of this kind, `keys` are all keys it may have besides `label`. `step_type` is
    shown in the log. A kind that `has_effect` also takes `retry` and `timeout`, which go with its effects as
    `options`. One that `hands_on` gives the output of the body or workflow it ran unchanged. `start` and `resume` are
    pure.
    """

    kind: ClassVar[str]
    step_type: ClassVar[str]
    main_key: ClassVar[str]
    keys: ClassVar[frozenset[str]]
    has_effect: ClassVar[bool] = False
    hands_on: ClassVar[bool] = False
    label: str | None = None
    options: Mapping[str, Json] = MappingProxyType({})

    @classmethod
    @abstractmethod
    def read(cls, raw: Mapping[str, Any], reader: "StepReader") -> Self:
        """The step a request describes, in canonical spelling. Problems are reported to the reader, not raised."""

    @abstractmethod
    def start(self, ctx: StepContext) -> Outcome:
        """Begin the step."""

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        """Go on after the outcome that suspended the step."""
        raise AssertionError(f"a {self.kind} step is never suspended")

    def dump(self) -> dict[str, Json]:
        """The stored form, without what all kinds share."""
        contents = ((field, getattr(self, field.name)) for field in self._fields())
        return {field.name: _dump(field, content) for field, content in contents if not _is_left_out(field, content)}

    @classmethod
    def load(cls, stored: Mapping[str, Any], loader: "StepLoader") -> Self:
        """The step that `dump` wrote."""
        given = (field for field in cls._fields() if not _is_left_out(field, stored.get(field.name)))
        return cls(**{field.name: _load(field, stored[field.name], loader) for field in given})

    def blocks(self) -> Mapping[str, tuple["Step", ...]]:
        """Bodies by the key that outcomes and paths use."""
        found = ((field.metadata["key"], getattr(self, field.name)) for field in self._with_form("body"))
        return {key: steps for key, steps in found if steps}

    def block_names(self, key: str) -> frozenset[str]:
        """Names that only the steps of this body may read."""
        return frozenset()

    def body_location(self, key: str) -> str:
        """How issues name a body of this step."""
        return key

    def places(self) -> Iterator[Place]:
        """Every evaluated value of the step itself, for the static check."""
        for field in self._with_form("value"):
            value = getattr(self, field.name)
            if value is not None:
                yield Place(field.metadata["path"], value, field.metadata["extra_names"])

    def tool_names(self) -> Iterator[tuple[str, str]]:
        """Path and name of every tool it names."""
        return iter(())

    def doubts(self, tool_types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Path and text of what does not do what it seems to, given the types of the tools by name."""
        return iter(())

    def needs(self) -> Iterator[str]:
        """Entries of `tasks.language.capabilities` without which the step cannot run."""
        return iter(())

    def workflow_names(self) -> Iterator[tuple[str, str]]:
        """Path and name of every workflow it calls."""
        return iter(())

    @classmethod
    def _fields(cls) -> "tuple[Field[Any], ...]":
        return fields(cast(Any, cls))

    @classmethod
    def _with_form(cls, form: str) -> "Iterator[Field[Any]]":
        return (field for field in cls._fields() if field.metadata.get("form") == form)


def _dump(field: "Field[Any]", content: Any) -> Json:
    match field.metadata.get("form"):
        case "value":
            return None if content is None else content.dump()
        case "body":
            return dump_body(content)
    return content


def _load(field: "Field[Any]", stored: Any, loader: "StepLoader") -> Any:
    match field.metadata.get("form"):
        case "value":
            return None if stored is None else loader.value(stored)
        case "body":
            return loader.body(stored)
    return stored


def _is_left_out(field: "Field[Any]", content: Any) -> bool:
    return content is None and field.metadata.get("form") == "left out"


def dump_body(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    """The stored form of a body."""
    return [{"kind": step.kind, "label": step.label, **_options(step), **step.dump()} for step in steps]


def _options(step: Step) -> dict[str, Any]:
    return {"options": dict(step.options)} if step.options else {}
