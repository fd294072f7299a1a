"""JSON Schemas written by users: nothing is ever fetched, and a check ends within a few seconds of processor time."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import attrs
import jsonschema
import referencing
import regex
from jsonschema.exceptions import UnknownType, best_match
from jsonschema.validators import extend, validator_for
from jsonschema_specifications import REGISTRY as SPECIFICATIONS  # type: ignore[import-untyped]
from referencing.exceptions import Unresolvable

# A schema that refers to its own parts can ask for more work than there are atoms.
MAX_SECONDS = 5.0
# A schema of a megabyte would take a minute.
MAX_SCHEMA_SECONDS = 0.4
MAX_PATTERN = 1_000
# The pattern package writes counted repetition out when it compiles.
MAX_REPEATS = 100_000
_PATTERN_S = 1.0
_LONGEST_MESSAGE = 500
_COUNTED = re.compile(r"\{(\d{1,9}),?(\d{0,9})\}")

Keyword = Callable[[Any, Any, Any, Any], Iterator[jsonschema.ValidationError] | None]


class UnusableSchema(ValueError):
    """The schema cannot be applied: a reference leads nowhere, or the check takes too much work."""


@dataclass(frozen=True)
class SchemaProblem:
    """Why a value does not fit, and where (`$.items[0]`)."""

    message: str
    path: str


class _OutOfTime(Exception):
    """The time for a check is over."""


_deadline: ContextVar[float] = ContextVar("json_schema_deadline")


def find_problem(schema: Mapping[str, Any], value: Any) -> SchemaProblem | None:
    """The most telling reason why the value does not fit the schema, or None if it fits.

    Raises:
        UnusableSchema
    """
    token = _deadline.set(time.thread_time() + MAX_SECONDS)
    try:
        # An empty registry knows no way to fetch a reference; the default one would open any URL, files included.
        validator = _bounded(_dialect_of(schema))(schema, registry=referencing.Registry())
        error = best_match(validator.iter_errors(value))
    except Unresolvable as unresolved:
        raise UnusableSchema(f"the reference {unresolved.ref!r} leads nowhere"[:_LONGEST_MESSAGE]) from unresolved
    except RecursionError:
        raise UnusableSchema("the schema refers to itself without end") from None
    except _OutOfTime:
        raise UnusableSchema(f"checking the value takes longer than {MAX_SECONDS:g} s") from None
    except TimeoutError:
        raise UnusableSchema("matching a pattern takes too long") from None
    except UnknownType as unknown:
        raise UnusableSchema(f"there is no type {unknown.type!r}"[:_LONGEST_MESSAGE]) from unknown
    except (AttributeError, TypeError, OverflowError, regex.error) as broken:
        # Nobody has checked that the keywords have the shape they should have.
        raise UnusableSchema(str(broken)[:_LONGEST_MESSAGE]) from broken
    finally:
        _deadline.reset(token)
    return SchemaProblem(error.message[:_LONGEST_MESSAGE], error.json_path[:_LONGEST_MESSAGE]) if error else None


def find_schema_problem(schema: Mapping[str, Any]) -> SchemaProblem | None:
    """The most telling reason why it is no schema of its dialect, or None if it is one.

    Raises:
        UnusableSchema: it is too large or nested too deep.
    """
    dialect = _dialect_of(schema)
    token = _deadline.set(time.thread_time() + MAX_SCHEMA_SECONDS)
    try:
        checker = _bounded(dialect)(dialect.META_SCHEMA, registry=SPECIFICATIONS, format_checker=dialect.FORMAT_CHECKER)
        error = best_match(checker.iter_errors(schema))
    except RecursionError:
        raise UnusableSchema("the schema is nested too deep") from None
    except _OutOfTime:
        raise UnusableSchema("the schema is too large to check") from None
    finally:
        _deadline.reset(token)
    return SchemaProblem(error.message[:_LONGEST_MESSAGE], error.json_path[:_LONGEST_MESSAGE]) if error else None


def _dialect_of(schema: Mapping[str, Any]) -> Any:
    """The validator class of the schema's `$schema`; the newest draft when it names none that is known."""
    newest = jsonschema.Draft202012Validator
    return validator_for(schema, default=newest) if isinstance(schema.get("$schema"), str) else newest


@cache
def _bounded(dialect: Any) -> Any:
    """The same keywords, timed, with patterns that cannot run for ever."""
    replaced = {**dialect.VALIDATORS, "pattern": _pattern}
    if "patternProperties" in replaced:
        replaced["patternProperties"] = _pattern_properties
    make: Any = extend
    bounded = make(dialect, {name: _timed(keyword) for name, keyword in replaced.items()})
    # Its own `evolve` would change to the unbounded class at a part with a `$schema`.
    bounded.evolve = attrs.evolve
    return bounded


def _check_time() -> None:
    if time.thread_time() > _deadline.get():
        raise _OutOfTime


def _timed(keyword: Keyword) -> Keyword:
    def timed(validator: Any, given: Any, value: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
        _check_time()
        yield from keyword(validator, given, value, schema) or ()

    return timed


def _pattern(validator: Any, pattern: Any, value: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, str) and not _matches(pattern, value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, value: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(value, dict):
        return
    for pattern, below in patterns.items():
        for key, item in value.items():
            if _matches(pattern, key):
                yield from validator.descend(item, below, path=key, schema_path=pattern)


def _matches(pattern: str, text: str) -> bool:
    _check_time()
    repeats = 1
    for low, high in _COUNTED.findall(pattern):
        repeats *= max(int(high or low), 1)
    if len(pattern) > MAX_PATTERN or repeats > MAX_REPEATS:
        raise UnusableSchema(f"the pattern {pattern[:100]!r} is too large")
    return regex.search(pattern, text, timeout=_PATTERN_S) is not None
