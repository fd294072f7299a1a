"""JSON Schemas written by users: nothing is ever fetched, and every check has an end.

Work is counted, so that a check ends at the same place on every machine; see `schema_effort`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import attrs
import jsonschema
import referencing
import regex
from jsonschema.exceptions import UnknownType, best_match
from jsonschema.validators import extend, validator_for
from jsonschema_specifications import REGISTRY as SPECIFICATIONS  # type: ignore[import-untyped]
from referencing.exceptions import Unresolvable

from julep_project.core.process.cancellation import STOPS
from julep_project.core.schemas.schema_effort import check_pattern, effort, limited_effort, too_deep
from julep_project.core.schemas.schema_keywords import KEYWORDS, Errors, Keyword
from julep_project.core.schemas.schema_references import UnusableSchema, check_references

__all__ = [
    "SchemaProblem",
    "UnusableSchema",
    "check_references",
    "find_problem",
    "find_problems",
    "find_schema_problem",
]

_LONGEST_MESSAGE = 500
# An error is an object with its path and its text.
_ERROR_UNITS = 20
_REMEMBERED_VALIDATORS = 256


@dataclass(frozen=True)
class SchemaProblem:
    """Why a value does not fit, and where (`$.items[0]`)."""

    message: str
    path: str


def find_problem(schema: Mapping[str, Any], value: Any) -> SchemaProblem | None:
    """The most telling reason why the value does not fit the schema, or None if it fits.

    Raises:
        UnusableSchema
    """
    with _checking(schema) as validator:
        return _problem_of(best_match(validator.iter_errors(value)))


def find_problems(schema: Mapping[str, Any], value: Any, *, most: int = 20) -> list[SchemaProblem]:
    """The first reasons why the value does not fit the schema, each with its place.

    Raises:
        UnusableSchema
    """
    with _checking(schema) as validator:
        return [problem for error in islice(validator.iter_errors(value), most) if (problem := _problem_of(error))]


def find_schema_problem(schema: Mapping[str, Any]) -> SchemaProblem | None:
    """The most telling reason why it is no schema of its dialect, or None if it is one.

    Raises:
        UnusableSchema: it is too large, nested too deep, or refers to itself without end.
    """
    check_references(schema)
    with _typed_errors("schema"), limited_effort("schema"):
        dialect = _dialect_of(schema)
        checker = _bounded(dialect)(dialect.META_SCHEMA, registry=SPECIFICATIONS, format_checker=_formats(dialect))
        return _problem_of(best_match(checker.iter_errors(schema)))


@contextmanager
def _checking(schema: Mapping[str, Any]) -> Iterator[Any]:
    """What finds errors in values, within its bounds."""
    # Before anything is applied: what goes round for ever has the same answer whatever else is wrong with it.
    check_references(schema)
    with _typed_errors("value"), limited_effort("value"):
        dialect = _dialect_of(schema)
        # The registry knows no way to fetch a reference; the default one would open any URL, files included.
        yield _bounded(dialect)(schema, registry=referencing.Registry(), _resolver=_resolver(dialect, schema))


@contextmanager
def _typed_errors(checked: str) -> Iterator[None]:
    """Nobody has checked that the keywords of a schema have the shape they should have, so anything may go wrong; and
    the library's store of references, which is written in Rust, panics when calls are too deep."""
    try:
        yield
    except UnusableSchema:
        raise
    except Unresolvable as unresolved:
        raise UnusableSchema(f"the reference {unresolved.ref!r} leads nowhere"[:_LONGEST_MESSAGE]) from unresolved
    except UnknownType as unknown:
        raise UnusableSchema(f"there is no type {unknown.type!r}"[:_LONGEST_MESSAGE]) from unknown
    except RecursionError:
        raise too_deep(checked) from None
    except STOPS:
        raise
    except BaseException as broken:
        raise UnusableSchema(str(broken)[:_LONGEST_MESSAGE]) from broken


def _problem_of(error: jsonschema.ValidationError | None) -> SchemaProblem | None:
    return SchemaProblem(error.message[:_LONGEST_MESSAGE], error.json_path[:_LONGEST_MESSAGE]) if error else None


def _dialect_of(schema: Mapping[str, Any]) -> Any:
    """The validator class of the schema's `$schema`; the newest draft when it names none that is known."""
    newest = jsonschema.Draft202012Validator
    return validator_for(schema, default=newest) if isinstance(schema.get("$schema"), str) else newest


def _resolver(dialect: Any, schema: Mapping[str, Any]) -> Any:
    """What finds references. It looks for anchors once, not at each use."""
    specification = referencing.jsonschema.specification_with(dialect.META_SCHEMA.get("$schema", ""))
    resource = specification.create_resource(schema)
    uri = resource.id() or ""
    return SPECIFICATIONS.with_resource(uri, resource).crawl().resolver(uri)


@cache
def _formats(dialect: Any) -> jsonschema.FormatChecker:
    """The formats of the dialect, with our own idea of a pattern."""
    checker = jsonschema.FormatChecker(formats=())
    checker.checkers = {**dialect.FORMAT_CHECKER.checkers, "regex": (_is_pattern, regex.error)}
    return checker


def _is_pattern(value: Any) -> bool:
    if isinstance(value, str):
        check_pattern(value)
    return True


@cache
def _bounded(dialect: Any) -> Any:
    """The same keywords, counted, without those that have no bound."""
    keywords = {name: KEYWORDS.get(name, keyword) for name, keyword in dialect.VALIDATORS.items()}
    make: Any = extend
    bounded = make(dialect, {name: _counted(name, keyword) for name, keyword in keywords.items()})
    # Its own `evolve` would change to the unbounded class at a part with a `$schema`.
    bounded.evolve = _evolve
    return bounded


def _evolve(validator: Any, **changes: Any) -> Any:
    """The validator of another part of the schema. A list asks for the same one with every item."""
    left, schema = effort(), changes["schema"]
    key = (id(schema), id(changes.get("_resolver", validator._resolver)))
    left.spend(1)
    found = left.validators.get(key)
    if found is None:
        left.spend(1 + (len(schema) // 8 if isinstance(schema, Mapping) else 0))
        found = attrs.evolve(validator, **changes)
        if len(left.validators) >= _REMEMBERED_VALIDATORS:
            left.validators.clear()
        left.validators[key] = found
    return found


def _counted(name: str, keyword: Keyword) -> Keyword:
    is_compared = name in ("const", "enum")

    def counted(validator: Any, given: Any, value: Any, schema: Any) -> Errors:
        left = effort()
        if is_compared:
            left.spend_size(given)
        else:
            left.spend(1 + (len(given) // 8 if isinstance(given, Mapping | list | str) else 0))
        left.enter()
        try:
            for error in keyword(validator, given, value, schema) or ():
                # One that was made here, not further down, has no keyword yet. Its message may hold the whole value.
                if not isinstance(error.validator, str):
                    left.spend(_ERROR_UNITS)
                    left.spend_text(len(error.message))
                yield error
        finally:
            left.nesting -= 1

    return counted
