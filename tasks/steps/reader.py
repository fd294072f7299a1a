"""Reads the fields of one step. Every method reports problems instead of raising, so that all are found at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tasks.expressions.errors import ExpressionError, ExpressionSyntaxError, UnsupportedFeature
from tasks.language import texts
from tasks.language.effort import Effort
from tasks.language.errors import InvalidTaskBody, Problems
from tasks.language.scope import KNOWN_NAMES
from tasks.language.values import ListValue, Literal, ObjectValue, Value, folded

if TYPE_CHECKING:
    from tasks.steps.base import Step

DOLLAR = "dollar"
CLASSIC = "classic"

MAX_VALUE_DEPTH = 50
# Looking for the nearest known key is not cheap; a body may have a hundred thousand keys.
_MAX_UNKNOWN_KEYS = 10

ReadBody = Callable[[Any, "StepReader"], "tuple[Step, ...]"]
# The whole definition of a tool, checked, and its place in the body. Raises `InvalidTaskBody`.
ReadTool = Callable[[Mapping[str, Any], str], dict[str, Any]]

# Of a tool's spec: shown to models as it is.
_TOLD_TO_MODELS = frozenset({"name", "description", "parameters", "params_schema"})

_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True)
class StepReader:
    """Where we are in the body, and what to do with what is found.

    `loc` is the path in the request (`main[0].if`), `location` the one issues use
    (`workflows.main.steps[0].if_else`). Without a `dialect` no text is read; `seen` collects every text that would
    be, so that the dialect can be chosen. `effort` counts what is read of the whole definition. `names` are the names
    a text may read here.
    """

    problems: Problems
    dialect: str | None
    loc: str
    location: str
    seen: list[str]
    effort: Effort
    read_body: ReadBody
    read_tool: ReadTool
    depth: int = 0
    names: frozenset[str] = KNOWN_NAMES

    def at(self, key: str, location_key: str | None = None) -> "StepReader":
        """The reader of a field below."""
        if not key and not location_key:
            return self
        return replace(
            self,
            loc=f"{self.loc}{_joined(key)}",
            location=f"{self.location}{_joined(key if location_key is None else location_key)}",
        )

    # -- evaluated fields -----------------------------------------------------------------------------------------

    def value(self, raw: Any, key: str = "") -> Value:
        """A value of any JSON type; every string in it is read by the rules of the dialect."""
        return folded(self._tree(raw, self.at(key), self._read_value))

    def text(self, raw: Any, key: str = "") -> Value:
        """A prompt, log or error text, or a tree of them."""
        return folded(self._tree(raw, self.at(key), self._read_text))

    def one_text(self, raw: Any, key: str = "") -> Value:
        """A log or error text."""
        return self.text(self.literal(raw, key, (str,), ""), key)

    def object_of_values(self, raw: Any, key: str = "") -> Value:
        """An object of values."""
        return self.value(self.literal(raw, key, (dict,), {}), key)

    def condition(self, raw: Any, key: str = "") -> Value:
        """A field whose text is always an expression; other JSON is taken as it is."""
        reader = self.at(key)
        if not isinstance(raw, str):
            return folded(self._tree(raw, reader, self._read_value))
        return reader._compiled(raw, texts.read_condition)

    def arguments(self, raw: Any, key: str = "") -> Value:
        """Arguments of a tool or a workflow: an object of values, or one expression that gives the object."""
        if isinstance(raw, str):
            return self.condition(raw, key)
        if isinstance(raw, Mapping):
            return self.value(raw, key)
        self.at(key).wrong_type(raw, "an object, or one expression")
        return Literal({})

    def _tree(
        self, raw: Any, reader: "StepReader", leaf: Callable[[str, "StepReader"], Value], depth: int = 0
    ) -> Value:
        if not _has_texts(raw):
            return Literal(raw)
        if isinstance(raw, str):
            return leaf(raw, reader)
        if depth == MAX_VALUE_DEPTH:
            reader.problem(f"values may be nested at most {MAX_VALUE_DEPTH} deep", "too_deep", raw)
            return Literal(None)
        if isinstance(raw, Mapping):
            pairs = [
                (
                    str(key),
                    self._tree(item, reader.at(str(key)), leaf, depth + 1) if _has_texts(item) else Literal(item),
                )
                for key, item in raw.items()
            ]
            return ObjectValue(tuple(pairs))
        items = [
            self._tree(item, reader.at(f"[{index}]"), leaf, depth + 1) if _has_texts(item) else Literal(item)
            for index, item in enumerate(raw)
        ]
        return ListValue(tuple(items))

    def _read_value(self, text: str, reader: "StepReader") -> Value:
        return reader._compiled(text, texts.read_dollar if self.dialect == DOLLAR else texts.read_classic)

    def _read_text(self, text: str, reader: "StepReader") -> Value:
        return reader._compiled(text, texts.read_dollar if self.dialect == DOLLAR else texts.read_classic_text)

    def _compiled(self, text: str, read: Callable[[str, frozenset[str], texts.Doubts], Value]) -> Value:
        self.seen.append(text)
        if self.dialect is None:
            return Literal(text)
        self.effort.check_clock()
        doubts: texts.Doubts = []
        try:
            value = read(text, self.names, doubts)
            self.effort.add_expressions(*value.extent())
            for doubt in doubts:
                self.issue(doubt, severity="warning")
            return value
        except UnsupportedFeature as error:
            self.problems.add_expression_issue(self.location, str(error), "unsupported_features", text)
        except ExpressionSyntaxError as error:
            self.problems.add_expression_issue(self.location, str(error), "syntax_errors", text)
        except ExpressionError as error:
            self.problems.add_expression_issue(self.location, str(error), "limits", text)
        return Literal(text)

    # -- literal fields -------------------------------------------------------------------------------------------

    def body(
        self, raw: Any, key: str, location_key: str | None = None, names: frozenset[str] = frozenset()
    ) -> "tuple[Step, ...]":
        """A body: one step or a list of at least one. Its texts may read `names` too."""
        below = replace(self.at(key, location_key), depth=self.depth + 1, names=self.names | names)
        return self.read_body(raw, below)

    def literal(self, raw: Any, key: str, kinds: tuple[type, ...], default: Any = None) -> Any:
        """A field that is never evaluated. Null and absent give the default."""
        if raw is None:
            return default
        if isinstance(raw, bool) and bool not in kinds or not isinstance(raw, kinds):
            self.at(key).wrong_type(raw, " or ".join(_NAMES[kind] for kind in kinds))
            return default
        return raw

    def name(self, raw: Any, key: str = "") -> str:
        """A text that is never evaluated."""
        return str(self.literal(raw, key, (str,), ""))

    def flag(self, raw: Any, key: str = "") -> bool:
        """True or false; false without."""
        return bool(self.literal(raw, key, (bool,), False))

    def object(self, raw: Any, key: str, known: frozenset[str]) -> "tuple[Mapping[str, Any], StepReader]":
        """An object of fields with these names, and the reader of them."""
        content, place = self.literal(raw, key, (dict,), {}), self.at(key)
        place.unknown_keys(content, known, key)
        return content, place

    def whole_number(self, raw: Any, key: str = "", *, low: int, high: int, default: int) -> int:
        """A whole number within bounds."""
        number = self.literal(raw, key, (int,), default)
        if not low <= number <= high:
            self.at(key).problem(f"must be between {low} and {high}", "out_of_range", raw)
            return default
        return int(number)

    def number(self, raw: Any, key: str, *, low: float, high: float) -> float | None:
        """A number within bounds. Null and absent give nothing."""
        number = self.literal(raw, key, (int, float))
        if number is not None and not low <= number <= high:
            self.at(key).problem(f"must be between {low:g} and {high:g}", "out_of_range", raw)
        return None if number is None else number

    def unknown_keys(self, body: Mapping[str, Any], known: frozenset[str] | set[str], of: str) -> None:
        """Refuse keys that mean nothing here, each with the nearest one that does."""
        for key in _unknown(body, known):
            near = _nearest(key, known)
            hint = f"did you mean {near!r}?" if near else f"known keys: {', '.join(sorted(known))}"
            self.at(key).problem(f"{key!r} is not a key of {of}", "extra_forbidden", body[key], fix=hint)

    def odd_keys(
        self, body: Mapping[str, Any], known: frozenset[str] | set[str], of: str, elsewhere: frozenset[str]
    ) -> None:
        """Refuse keys that are close to a known one or mean something elsewhere. Others are notes that people leave:
        they are passed over with a warning."""
        for key in _unknown(body, known):
            if key in elsewhere or _nearest(key, known):
                self.unknown_keys({key: body[key]}, known, of)
            else:
                self.at(key).issue(f"{key!r} is not a key of {of}: it does nothing", severity="warning")

    def tool(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """A tool that a step defines itself, complete."""
        self.seen.extend(texts_of_tool(raw))
        try:
            return self.read_tool(raw, self.loc)
        except InvalidTaskBody as refused:
            self.problems.add_details(refused.details)
            return dict(raw)

    # -- problems -------------------------------------------------------------------------------------------------

    def wrong_type(self, raw: Any, wanted: str) -> None:
        """Report a field of the wrong JSON type."""
        found = _NAMES.get(type(raw), type(raw).__name__)
        self.problem(f"must be {wanted}, not {found}", "wrong_type", raw)

    def problem(self, message: str, type_: str, received: Any = None, fix: str | None = None) -> None:
        """Report a field whose shape is wrong."""
        self.problems.add_detail(self.loc, message, type_, received, fix)

    def issue(self, message: str, *, severity: str = "error") -> None:
        """Report something wrong at this place that is not a matter of shape."""
        self.problems.add_issue(self.location, message, severity=severity)


def texts_of_tool(tool: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a tool's body, at any depth, that may be meant as expressions: not descriptions, nor schemas."""
    spec = tool.get(str(tool.get("type")))
    left = [value for key, value in spec.items() if key not in _TOLD_TO_MODELS] if isinstance(spec, Mapping) else []
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def _unknown(body: Mapping[str, Any], known: frozenset[str] | set[str]) -> list[str]:
    return [key for key in body if key not in known][:_MAX_UNKNOWN_KEYS]


def _nearest(key: str, known: frozenset[str] | set[str]) -> str | None:
    near = get_close_matches(key, sorted(known), n=1)
    return near[0] if near else None


def _has_texts(raw: Any) -> bool:
    """Whether something in it may have to be evaluated; numbers and the like are literals wherever they stand."""
    return isinstance(raw, str | Mapping | list)


def _joined(key: str) -> str:
    return key if not key or key.startswith("[") else f".{key}"
