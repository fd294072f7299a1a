"""Problems of a task definition, as data."""

from dataclasses import dataclass, field
from typing import Any

# More than anybody reads; one body may hold a hundred thousand mistakes.
MAX_PROBLEMS = 100
_MAX_EXPRESSION = 500

# Nothing below a field with one of these problems can be judged.
_SPOILING = frozenset({"wrong_type", "missing", "ambiguous", "unknown_step", "too_deep"})


class InvalidTaskBody(Exception):
    """The body does not have the shape of a task. One entry per field."""

    def __init__(self, details: list[dict[str, Any]]) -> None:
        super().__init__("Validation error")
        self.details = details


class InvalidTaskSpec(Exception):
    """The body has the shape of a task, but an expression, a name or a schema in it is wrong."""

    def __init__(self, issues: list[dict[str, Any]], message: str | None = None) -> None:
        super().__init__(message)
        self.issues = issues
        self.message = message


@dataclass
class Problems:
    """What was found while reading one definition; at most `MAX_PROBLEMS` of each sort are kept."""

    details: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether there are so many errors that looking for more is idle."""
        return len(self.details) >= MAX_PROBLEMS or len(self.issues) >= MAX_PROBLEMS

    @property
    def has_many_warnings(self) -> bool:
        return len(self.warnings) >= MAX_PROBLEMS

    def add_detail(self, loc: str, msg: str, type_: str, received: Any = None, fix: str | None = None) -> None:
        """A field whose shape is wrong. Of a field that is wrong as a whole nothing more is reported."""
        if len(self.details) >= MAX_PROBLEMS:
            return
        if any(_is_within(loc, detail["loc"]) for detail in self.details if detail["type"] in _SPOILING):
            return
        entry = {"loc": loc, "msg": msg, "type": type_, "received": shortened(received, 100), "fix": fix or msg}
        _add(entry, self.details)

    def add_details(self, details: list[dict[str, Any]]) -> None:
        """Fields whose shape somebody else found to be wrong."""
        for entry in details:
            _add(entry, self.details)

    def add_expression_issue(
        self, location: str, message: str, issue_type: str, expression: str, *, severity: str = "error"
    ) -> None:
        """Something about an expression; warnings do not block."""
        details = {"issue_type": issue_type, "expression": shortened(expression, _MAX_EXPRESSION)}
        self._add_issue(location, message, severity, "python_expression", details)

    def add_issue(self, location: str, message: str, *, type_: str = "schema", severity: str = "error") -> None:
        """Something else about the definition: an unknown workflow or tool, an unreachable step."""
        self._add_issue(location, message, severity, type_, {})

    def _add_issue(self, location: str, message: str, severity: str, type_: str, details: dict[str, Any]) -> None:
        issue = {"location": location, "message": message, "severity": severity, "type": type_, "details": details}
        _add(issue, self.issues if severity == "error" else self.warnings)


def _add(entry: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    if len(entries) < MAX_PROBLEMS and entry not in entries:
        entries.append(entry)


def _is_within(loc: str, whole: str) -> bool:
    return loc.startswith(whole) and loc[len(whole) :][:1] in ("", ".", "[")


def shortened(value: Any, length: int) -> str:
    """The value as text of at most that many characters."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= length else f"{text[: length - 3]}..."
