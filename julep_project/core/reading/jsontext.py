"""JSON text as Postgres `jsonb` stores it: what cannot be stored is refused here, with a reason a person can read."""

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from io import StringIO
from math import isfinite
from typing import Any, TypeVar

import orjson

Value = TypeVar("Value")


class NotStorable(ValueError):
    """The value has no faithful JSON form."""


def to_json_text(value: Any) -> str:
    """JSON text of a plain value.

    Raises:
        NotStorable: NaN or Infinity, a NUL character, a lone surrogate, or a type JSON does not have.
    """
    try:
        text = orjson.dumps(value).decode()
    except (TypeError, RecursionError):
        text = _slow_text(value)
    else:
        if "null" in text and _has(value, _is_non_finite):
            raise NotStorable("NaN and Infinity cannot be stored as JSON")
    if "\\u0000" in text and _has(value, _is_with_nul):
        raise NotStorable("text with a NUL character cannot be stored")
    return text


def to_storable(value: Value) -> Value:
    """The value of foreign JSON as it can be stored: NUL is left out of texts, a lone surrogate becomes U+FFFD, and
    a number that is not finite null."""
    try:
        to_json_text(value)
    except NotStorable:
        mended: Value = _mended(value)
        return mended
    return value


def as_read_back(value: Any) -> Any:
    """A plain value as it is read again from where it is stored as JSON: `jsonb` writes numbers out, so large fractions
    become whole numbers, and no zero is negative."""
    if isinstance(value, float):
        text = repr(value)
        return int(Decimal(text)) if "e+" in text else value + 0.0
    if isinstance(value, Mapping):
        return {name: as_read_back(item) for name, item in value.items()}
    return [as_read_back(item) for item in value] if isinstance(value, list | tuple) else value


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        # The two halves of a pair make their character together.
        return value.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {_mended(name): _mended(item) for name, item in value.items()}
    return [_mended(item) for item in value] if isinstance(value, list | tuple) else value


def _slow_text(value: Any) -> str:
    """The standard library's writer: it knows whole numbers beyond 64 bits, which orjson refuses."""
    try:
        text = written_in_pieces(value, allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotStorable("text with a lone surrogate cannot be stored") from None
    except RecursionError:
        raise NotStorable("the value is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise NotStorable(f"the value cannot be stored as JSON: {error}") from None
    return text


def written_in_pieces(
    value: Any, *, allow_nan: bool = True, ensure_ascii: bool = True, default: Callable[[Any], Any] | None = None
) -> str:
    """What `json.dumps` makes of a value, element by element: half a million fractions in one go would hold up every
    other thread for half a second."""
    encoder = json.JSONEncoder(allow_nan=allow_nan, ensure_ascii=ensure_ascii, default=default, separators=(",", ":"))
    written = StringIO()
    for piece in encoder.iterencode(value):
        written.write(piece)
    return written.getvalue()


def json_list(texts: Iterable[str]) -> str:
    """A list of values that are written already."""
    return f"[{','.join(texts)}]"


def _is_non_finite(value: Any) -> bool:
    """orjson writes those as `null` without a word."""
    return isinstance(value, float) and not isfinite(value)


def _is_with_nul(value: Any) -> bool:
    """The escape alone may be a literal backslash followed by `u0000`."""
    return isinstance(value, str) and "\x00" in value


def _has(value: Any, is_meant: Callable[[Any], bool]) -> bool:
    """Whether any key or scalar in it is meant."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
        elif is_meant(item):
            return True
    return False
