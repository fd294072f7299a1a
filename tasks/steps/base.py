"""What every step kind provides, and what it may ask of the engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, fields
from dataclasses import field as dataclass_field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast, dataclass_transform

from julep_project.core.json_value import Json
from tasks.language.values import Value, load_value
from tasks.steps.outcomes import BodyFinished, ChildrenJoined, Done, EffectSucceeded, Event, InputReceived, Outcome

if TYPE_CHECKING:
    from tasks.steps.reader import StepReader

# Reads what stands at a field. Problems are reported to the reader, which is at the field's place, not raised.
ReadField = Callable[["StepReader", Any], Any]
LoadBody = Callable[[list[Mapping[str, Any]]], "tuple[Step, ...]"]


class StepContext(Protocol):
    """The engine as a running step sees it.

    `input` is `_`. `memory` is what the outcome that suspended the step put aside. Errors raised by any method fail
    the step; a step does not catch them.
    """

    input: Json
    memory: Json

    def resolve(self, value: Value, **names: Json) -> Json:
        """The value with every expression and template in it replaced by its result; `names` are in scope too."""

    def holds(self, value: Value, **names: Json) -> bool:
        """Whether the value, resolved, is true; it need not be JSON for that."""

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

    def may_be_asked_about(self, tool: Mapping[str, Json]) -> bool:
        """Whether a person may have to agree to a call of the tool."""

    def with_presets(self, tool: Mapping[str, Json], arguments: Mapping[str, Json]) -> dict[str, Json]:
        """The arguments of a call of the client, with those over them that metadata presets."""


@dataclass(frozen=True, slots=True)
class Place:
    """An evaluated value of a step, where it stands, and the names only it may read."""

    path: str
    value: Value
    extra_names: frozenset[str] = frozenset()


def evaluated(
    path: str,
    read: ReadField | None = None,
    *,
    extra_names: frozenset[str] = frozenset(),
    optional: bool = False,
    left_out: bool = False,
) -> Any:
    """A field that holds a `Value` found at this path of the request; None if it is `optional` and not given.

    Without `read` the kind reads it by itself. `left_out` as in `literal`.
    """

    def find(raw: Mapping[str, Any], reader: "StepReader") -> Value | None:
        assert read is not None
        return None if optional and raw.get(path) is None else read(reader.at(path), raw.get(path))

    metadata = {"form": "value", "path": path, "find": find, "extra_names": extra_names, "left_out": left_out}
    return dataclass_field(metadata=metadata)


def body(
    path: str,
    location: str = "",
    *,
    extra_names: frozenset[str] = frozenset(),
    optional: bool = False,
    left_out: bool = False,
) -> Any:
    """A field that holds a body, whose steps may read `extra_names` too; empty if it is `optional` and not given.

    Outcomes and paths name it by the last key of its path, issues by its `location`, where that is another. `left_out`
    as in `literal`.
    """
    key, location = path.rpartition(".")[2], location or path

    def find(raw: Mapping[str, Any], reader: "StepReader") -> tuple[Step, ...]:
        given = raw.get(path)
        return () if optional and given is None else reader.body(given, path, location, extra_names)

    metadata = {"form": "body", "path": path, "key": key, "location": location, "left_out": left_out}
    return dataclass_field(metadata={**metadata, "find": find, "extra_names": extra_names})


def literal(path: str, read: ReadField, *, left_out: bool = False) -> Any:
    """A field that is never evaluated, found at this path; `read` knows what stands for one that is not given.

    With `left_out`, None or an empty body is not in the stored form: for fields that came later, since programs must
    not change.
    """

    def find(raw: Mapping[str, Any], reader: "StepReader") -> Any:
        return read(reader.at(path), raw.get(path))

    return dataclass_field(metadata={"path": path, "find": find, "left_out": left_out})


@dataclass_transform(eq_default=False, field_specifiers=(evaluated, body, literal))
class Step(ABC):
    """One step of a program: a class of fields that are values, bodies or plain JSON. Immutable once it is read.

    `main_key` makes an object a step of this `kind`, `keys` are all keys it may have besides `label`. `step_type` is
    shown in the log. A kind that `has_effect` also takes `retry` and `timeout`, which go with its effects as
    `options`. One that `hands_on` gives the output of the body or workflow it ran unchanged. `start` and `resume` are
    pure.
    """

    kind: ClassVar[str]
    step_type: ClassVar[str]
    main_key: ClassVar[str]
    keys: ClassVar[frozenset[str]]
    has_effect: ClassVar[bool]
    hands_on: ClassVar[bool]
    label: str | None = None
    options: Mapping[str, Json] = MappingProxyType({})

    def __init_subclass__(
        cls, *, kind: str, main_key: str = "", step_type: str = "", has_effect: bool = False, hands_on: bool = False
    ) -> None:
        """Without a `main_key` it is the name of the kind, without a `step_type` it is made of that of the class."""
        dataclass(eq=False)(cls)
        cls.kind, cls.main_key = kind, main_key or kind
        cls.step_type = step_type or f"{cls.__name__}Step"
        paths = (field.metadata["path"] for field in cls._fields() if "path" in field.metadata)
        cls.keys = frozenset({cls.main_key, *(path.partition(".")[0] for path in paths)})
        cls.has_effect, cls.hands_on = has_effect, hands_on

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: "StepReader") -> Self:
        """The step a request describes, in canonical spelling. Problems are reported to the reader, not raised."""
        found = {field.name: field.metadata["find"] for field in cls._fields() if "find" in field.metadata}
        return cls(**{name: find(raw, reader) for name, find in found.items()})

    @abstractmethod
    def start(self, ctx: StepContext) -> Outcome:
        """Begin the step."""

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        """Go on after the outcome that suspended the step. Unless a kind says otherwise, its result is the output."""
        assert isinstance(event, BodyFinished | ChildrenJoined | EffectSucceeded | InputReceived)
        return Done(event.value)

    def answered(self, ctx: StepContext, output: Json) -> Outcome:
        """Be done with an output that somebody gave instead of the step."""
        return Done(output)

    def dump(self) -> dict[str, Json]:
        """The stored form, without what all kinds share."""
        contents = ((field, getattr(self, field.name)) for field in self._fields())
        return {field.name: _dump(field, content) for field, content in contents if not _is_left_out(field, content)}

    @classmethod
    def load(cls, stored: Mapping[str, Any], load_body: LoadBody) -> Self:
        """The step that `dump` wrote."""
        return cls(**{field.name: _load(field, stored.get(field.name), load_body) for field in cls._fields()})

    def blocks(self) -> Mapping[str, tuple["Step", ...]]:
        """Bodies by the key that outcomes and paths use."""
        found = ((field.metadata["key"], getattr(self, field.name)) for field in self._with_form("body"))
        return {key: steps for key, steps in found if steps}

    def labels(self) -> Iterator[str]:
        """Labels of the steps in its bodies, then its own."""
        for body in self.blocks().values():
            for step in body:
                yield from step.labels()
        if self.label is not None:
            yield self.label

    def block_names(self, key: str) -> frozenset[str]:
        """Names that only the steps of this body may read."""
        return frozenset(self._declared_of_body(key).get("extra_names", ()))

    def body_location(self, key: str) -> str:
        """How issues name a body of this step."""
        return str(self._declared_of_body(key).get("location", key))

    def places(self) -> Iterator[Place]:
        """Every evaluated value of the step itself, for the static check."""
        for field in self._with_form("value"):
            value = getattr(self, field.name)
            if value is not None:
                yield Place(field.metadata["path"], value, field.metadata["extra_names"])

    def literals(self) -> Iterator[tuple[str, Json]]:
        """Path and content of every field of the step itself that is never evaluated."""
        return (
            (field.metadata["path"], getattr(self, field.name)) for field in self._with_form(None) if field.metadata
        )

    def own_tools(self) -> Iterator[tuple[str, Mapping[str, Json]]]:
        """Path and definition of every tool it brings itself."""
        return iter(())

    def tool_names(self) -> Iterator[tuple[str, str]]:
        """Path and name of every tool it names."""
        return iter(())

    def doubts(self, tool_types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Path and text of what does not do what it seems to, given the types of the tools by name."""
        return iter(())

    def workflow_names(self) -> Iterator[tuple[str, str]]:
        """Path and name of every workflow it calls."""
        return iter(())

    @classmethod
    def _fields(cls) -> "tuple[Field[Any], ...]":
        return fields(cast(Any, cls))

    @classmethod
    def _with_form(cls, form: str | None) -> "Iterator[Field[Any]]":
        return (field for field in cls._fields() if field.metadata.get("form") == form)

    @classmethod
    def _declared_of_body(cls, key: str) -> Mapping[str, Any]:
        """Nothing of a body that the kind reads by itself."""
        found = (field.metadata for field in cls._with_form("body") if field.metadata["key"] == key)
        return next(found, MappingProxyType({}))


def _dump(field: "Field[Any]", content: Any) -> Json:
    match field.metadata.get("form"):
        case "value":
            return None if content is None else content.dump()
        case "body":
            return dump_body(content)
    return content


def _load(field: "Field[Any]", stored: Any, load_body: LoadBody) -> Any:
    match field.metadata.get("form"):
        case "value":
            return None if stored is None else load_value(stored)
        case "body":
            return () if stored is None else load_body(stored)
    return stored


def _is_left_out(field: "Field[Any]", content: Any) -> bool:
    return content in (None, ()) and bool(field.metadata.get("left_out"))


def dump_body(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    """The stored form of a body."""
    return [{"kind": step.kind, "label": step.label, **_options(step), **step.dump()} for step in steps]


def _options(step: Step) -> dict[str, Any]:
    return {"options": dict(step.options)} if step.options else {}
