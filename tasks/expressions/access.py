"""Reading attributes and items, slicing, and calling methods; a user's name never reaches Python's own attributes."""

import difflib
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn

import regex

from tasks.expressions.callables import Function, Module, call
from tasks.expressions.errors import EvaluationError
from tasks.expressions.limits import Budget
from tasks.expressions.measure import check_key
from tasks.expressions.methods import ATTRIBUTES, METHODS, REFUSED
from tasks.expressions.names_of_keys import older_key
from tasks.expressions.values import (
    LazyObject,
    Missing,
    Value,
    concrete,
    fail,
    is_lazy,
    iterate,
    resolve,
    type_name,
)

_MAX_SUGGESTION_KEYS = 200
_OBJECT_METHODS = METHODS[dict]


def is_private(name: str) -> bool:
    """Whether an attribute name is refused; look-alike characters are folded first."""
    return unicodedata.normalize("NFKC", name).startswith("_")


def suggestion(name: object, known: Iterable[object]) -> str:
    """` (did you mean 'x'?)` for the closest known name, or nothing."""
    if not isinstance(name, str) or len(name) > 64:
        return ""
    names = []
    for candidate in known:
        if isinstance(candidate, str) and len(candidate) <= 64:
            names.append(candidate)
        if len(names) == _MAX_SUGGESTION_KEYS:
            break
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    return f" (did you mean {close[0]!r}?)" if close else ""


def shorten(value: object) -> str:
    """How an error names a value; a long one is not written out for that."""
    if isinstance(value, str):
        value = value[:80]
    text = repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type_name(value)}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def missing_key(value: dict[Value, Value], key: object) -> EvaluationError:
    return EvaluationError(f"there is no key {shorten(key)}{suggestion(key, value)}", type="KeyError")


def read_key(value: dict[Value, Value], key: Value, missing: Callable[[], Value]) -> Value:
    """What an object has under the key, or meant by it before; else what `missing` gives."""
    if key in value:
        return value[key]
    now = older_key(key)
    return [value[now]] if now in value else missing()


def _no_key(value: dict[Value, Value], key: object) -> NoReturn:
    raise missing_key(value, key)


def attribute(value: Value, name: str, budget: Budget) -> Value:
    """`value.name`, not called."""
    if type(value) is dict:
        if name in value or older_key(name) is not None:
            return read_key(value, name, lambda: _no_key(value, name))
        if name in _OBJECT_METHODS:
            fail("AttributeError", f".{name} is a method: call it with .{name}(...)")
        raise missing_key(value, name)
    kind = type(value)
    if kind is Module:
        return member(value, name)
    if name in ATTRIBUTES.get(kind, ()):
        return getattr(value, name)
    if kind is Missing:
        fail("NameError", f"{value.name} is not defined, so .{name} cannot be read")
    if kind is Function:
        return _unbound_method(value, name)
    if is_lazy(value):
        return _lazy_attribute(value, name, budget)
    if name in METHODS.get(kind, ()):
        fail("AttributeError", f".{name} is a method: call it with .{name}(...)")
    _refuse_method(value, name)


def member(module: Module, name: str) -> Value:
    if name not in module.members:
        fail("AttributeError", f"{module.name} has no {name}{suggestion(name, module.members)}")
    return module.members[name]


def _unbound_method(function: Function, name: str) -> Function:
    """`str.lower` as a value, for `key=` and `map`."""
    kinds = {"str": str, "list": list, "dict": dict}
    method = METHODS.get(kinds.get(function.name, object), {}).get(name)
    if method is None:
        fail("AttributeError", f"the function {function.name} has no attribute {name}")
    return method


def _lazy_attribute(value: LazyObject, name: str, budget: Budget) -> Value:
    try:
        with budget.paused():
            found = value.get_attribute(name)
    except (AttributeError, KeyError, IndexError) as error:
        if name in _OBJECT_METHODS:
            fail("AttributeError", f".{name} is a method: call it with .{name}(...)")
        raise _lookup_error(error, name) from error
    return resolve(found, budget)


def _lookup_error(error: Exception, key: object) -> EvaluationError:
    text = str(error.args[0]) if error.args and isinstance(error.args[0], str) and " " in error.args[0] else ""
    return EvaluationError(text or f"there is no {shorten(key)} here", type=type(error).__name__)


def _refuse_method(value: Value, name: str) -> Value:
    hint = REFUSED.get(type(value), {}).get(name)
    if hint is not None:
        fail("AttributeError", f".{name} is not available: {hint}")
    fail(
        "AttributeError", f"{type_name(value)} has no attribute {name}{suggestion(name, METHODS.get(type(value), ()))}"
    )


def call_method(
    value: Value, name: str, budget: Budget, arguments: list[Value], keywords: Mapping[str, Value]
) -> Value:
    """`value.name(...)`."""
    kind = type(value)
    method = METHODS.get(kind, {}).get(name)
    if method is not None:
        return call(method, budget, [value, *arguments], keywords)
    if kind is Module or kind is Function:
        return call(attribute(value, name, budget), budget, arguments, keywords)
    if is_lazy(value):
        if name == "get":
            return _lazy_get(value, budget, *arguments, **keywords)
        return call_method(concrete(value, budget), name, budget, arguments, keywords)
    if kind is dict and name in value:
        return call(value[name], budget, arguments, keywords)
    if kind is Missing:
        fail("NameError", f"{value.name} is not defined, so .{name}() cannot be called")
    return _refuse_method(value, name)


def _lazy_get(value: LazyObject, budget: Budget, key: Value, default: Value = None) -> Value:
    try:
        with budget.paused():
            found = value.get_item(key)
    except (KeyError, IndexError):
        return default
    return resolve(found, budget)


def item(value: Value, key: Value, budget: Budget) -> Value:
    """`value[key]`."""
    kind = type(value)
    if kind is dict:
        check_key(key, budget)
        return value[key] if key in value else read_key(value, key, lambda: _no_key(value, key))
    if kind in (list, tuple, str, range, bytes, time.struct_time):
        if type(key) not in (int, bool):
            fail("TypeError", f"a {type_name(value)} is read by position, not by {shorten(key)}")
        if not -len(value) <= key < len(value):
            fail("IndexError", f"there is no position {shorten(key)} in a {type_name(value)} of length {len(value)}")
        return value[key]
    if kind is regex.Match:
        return value[key]
    if kind is Missing:
        fail("NameError", f"{value.name} is not defined, so [{shorten(key)}] cannot be read")
    if is_lazy(value):
        try:
            with budget.paused():
                found = value.get_item(key)
        except (KeyError, IndexError) as error:
            raise _lookup_error(error, key) from error
        return resolve(found, budget)
    fail("TypeError", f"{type_name(value)} has no items to read")


def slice_of(value: Value, start: Value, stop: Value, step: Value, budget: Budget) -> Value:
    """`value[start:stop:step]`."""
    value = concrete(value, budget)
    if type(value) is Missing:
        return value
    if type(value) not in (list, tuple, str, range, bytes):
        fail("TypeError", f"{type_name(value)} cannot be sliced")
    for bound in (start, stop, step):
        if bound is not None and type(bound) not in (int, bool):
            fail("TypeError", "the bounds of a slice are whole numbers")
    part = slice(start, stop, step)
    count = len(range(*part.indices(len(value))))
    if type(value) in (str, bytes):
        budget.grow_text(count, wide=type(value) is str and not value.isascii())
    elif type(value) is not range:
        budget.grow_items(count)
    return value[part]


def unpack(value: Value, count: int, budget: Budget) -> list[Value] | tuple[Value, ...]:
    """The items of a value that is taken apart into `count` names."""
    if type(value) not in (list, tuple):
        items = []
        for found in iterate(value, budget):
            items.append(found)
            if len(items) > count:
                break
        value = items
    if len(value) != count:
        fail("ValueError", f"expected {count} values to unpack, found {len(value) if len(value) < count else 'more'}")
    return value  # type: ignore[no-any-return]
