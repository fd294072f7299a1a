"""Filters of templates on lists and objects. Names and meaning are Jinja's."""

from tasks.expressions import access, operators
from tasks.expressions.callables import Function, call
from tasks.expressions.functions import FUNCTIONS
from tasks.expressions.functions.numbers import RANDOM
from tasks.expressions.keys import Keys
from tasks.expressions.limits import Budget
from tasks.expressions.measure import text_of
from tasks.expressions.methods import join_text
from tasks.expressions.templates.template_lookup import (
    FILTERS,
    apply_filter,
    apply_test,
    filter_text,
    lookup,
    template_item,
)
from tasks.expressions.values import Missing, Value, fail, iterate, take_list

_ITEMS = "one unit per item, at most 200,000 items"
_TEXT = "2,048,000 characters"


# Collections


def _items_of(value: Value, budget: Budget) -> list[Value]:
    return take_list(value, budget)


@FILTERS.add("length()", "The number of items or characters.", "constant", takes_lazy=True)
def _length(budget: Budget, value: Value) -> Value:
    return call(FUNCTIONS["len"], budget, [value], {})


@FILTERS.add("list()", "As a list.", _ITEMS)
def _list(budget: Budget, value: Value) -> list[Value]:
    return _items_of(value, budget)


@FILTERS.add("first()", "The first item.", "constant")
def _first(budget: Budget, value: Value) -> Value:
    return next(iterate(value, budget), Missing("the first item"))


@FILTERS.add("last()", "The last item.", _ITEMS)
def _last(budget: Budget, value: Value) -> Value:
    items = value if type(value) in (list, tuple, str) else _items_of(value, budget)
    return items[-1] if items else Missing("the last item")


@FILTERS.add("random()", "One of the items.", _ITEMS)
def _random(budget: Budget, value: Value) -> Value:
    return call(RANDOM.functions["choice"], budget, [value], {})


@FILTERS.add("reverse()", "Last item or character first.", _ITEMS)
def _reverse(budget: Budget, value: Value) -> Value:
    if type(value) is str:
        return access.slice_of(value, None, None, -1, budget)
    return _items_of(value, budget)[::-1]


@FILTERS.add("join(separator='', attribute=None)", "The items as one text.", _TEXT)
def _join(budget: Budget, value: Value, separator: Value = "", attribute: Value = None) -> str:
    items = _items_of(value, budget)
    if attribute is not None:
        items = [lookup(item, attribute, budget) for item in items]
    return str(join_text(budget, filter_text(separator, budget), [text_of(item, budget) for item in items]))


@FILTERS.add("sort(reverse=False, case_sensitive=False, attribute=None)", "In order.", _ITEMS)
def _sort(
    budget: Budget, value: Value, reverse: Value = False, case_sensitive: Value = False, attribute: Value = None
) -> list[Value]:
    key = _Key(attribute, case_sensitive).function()
    return list(call(FUNCTIONS["sorted"], budget, [value], {"key": key, "reverse": reverse}))


class _Key:
    """How sort, unique, min, max and groupby compare: by an attribute, and without case unless asked."""

    def __init__(self, attribute: Value, case_sensitive: Value) -> None:
        self.attribute = attribute
        self.case_sensitive = case_sensitive

    def __call__(self, budget: Budget, item: Value) -> Value:
        if self.attribute is not None:
            item = lookup(item, self.attribute, budget)
        if type(item) is str and not self.case_sensitive:
            budget.grow_text(len(item), wide=not item.isascii())
            return item.lower()
        return item

    def function(self) -> Function:
        return Function("key", "key(item)", "", "", self)


@FILTERS.add("unique(case_sensitive=False, attribute=None)", "Without repeated items.", _ITEMS)
def _unique(budget: Budget, value: Value, case_sensitive: Value = False, attribute: Value = None) -> list[Value]:
    key = _Key(attribute, case_sensitive)
    seen: dict[Value, Value] = {}
    keys = Keys(budget, seen)
    for item in _items_of(value, budget):
        mark = key(budget, item)
        keys.admit(mark)
        seen.setdefault(mark, item)
    return list(seen.values())


def _extreme(name: str) -> None:
    @FILTERS.add(f"{name}(case_sensitive=False, attribute=None)", f"The {name}imum.", _ITEMS)
    def run(budget: Budget, value: Value, case_sensitive: Value = False, attribute: Value = None) -> Value:
        key = _Key(attribute, case_sensitive).function()
        nothing = Missing(f"the {name}imum")
        return call(FUNCTIONS[name], budget, [value], {"key": key, "default": nothing})


_extreme("min")
_extreme("max")


@FILTERS.add("sum(attribute=None, start=0)", "The sum.", _ITEMS)
def _sum(budget: Budget, value: Value, attribute: Value = None, start: Value = 0) -> Value:
    items = _items_of(value, budget)
    if attribute is not None:
        items = [lookup(item, attribute, budget) for item in items]
    return call(FUNCTIONS["sum"], budget, [items, start], {})


@FILTERS.add(
    "map(filter or attribute=..., default=None)", "Each item through a filter, or one attribute of each.", _ITEMS
)
def _map(
    budget: Budget,
    value: Value,
    name: Value = None,
    *arguments: Value,
    attribute: Value = None,
    default: Value = None,
    **keywords: Value,
) -> list[Value]:
    items = _items_of(value, budget)
    if attribute is None:
        return [apply_filter(name, budget, item, *arguments, **keywords) for item in items]
    found = [lookup(item, attribute, budget) for item in items]
    return [default if type(item) is Missing and default is not None else item for item in found]


def _selection(name: str, *, keep: bool, by_attribute: bool) -> None:
    what = "an attribute of it" if by_attribute else "it"
    signature = f"{name}({'attribute, ' if by_attribute else ''}test=None, *values)"

    @FILTERS.add(signature, f"The items {'that' if keep else 'unless'} {what} passes the test.", _ITEMS)
    def run(budget: Budget, value: Value, *arguments: Value) -> list[Value]:
        if by_attribute and not arguments:
            fail("TypeError", f"{name} needs an attribute")
        path, rest = (arguments[0], arguments[1:]) if by_attribute else (None, arguments)
        found = []
        for item in _items_of(value, budget):
            budget.charge(2)
            tested = lookup(item, path, budget) if by_attribute else item
            passes = apply_test(rest[0], budget, tested, *rest[1:]) if rest else operators.is_true(tested)
            if passes is keep:
                found.append(item)
        return found


_selection("select", keep=True, by_attribute=False)
_selection("reject", keep=False, by_attribute=False)
_selection("selectattr", keep=True, by_attribute=True)
_selection("rejectattr", keep=False, by_attribute=True)


@FILTERS.add("groupby(attribute, default=None)", "Pairs of a value of the attribute and its items, in order.", _ITEMS)
def _groupby(budget: Budget, value: Value, attribute: Value, default: Value = None) -> list[Value]:
    key = _Key(attribute, case_sensitive=False)
    ordered = call(FUNCTIONS["sorted"], budget, [value], {"key": key.function()})
    groups: list[tuple[Value, list[Value]]] = []
    for item in ordered:
        mark = lookup(item, attribute, budget)
        mark = default if type(mark) is Missing else mark
        if groups and operators.equal(groups[-1][0], mark, budget):
            groups[-1][1].append(item)
        else:
            groups.append((mark, [item]))
    return list(groups)


def _rows(items: list[Value], size: Value) -> list[list[Value]]:
    if type(size) is not int or size < 1:
        fail("ValueError", "the size must be a whole number above 0")
    return [items[start : start + size] for start in range(0, len(items), size)]


@FILTERS.add("batch(size, fill=None)", "Lists of that many items.", _ITEMS)
def _batch(budget: Budget, value: Value, size: Value, fill: Value = None) -> list[list[Value]]:
    rows = _rows(_items_of(value, budget), size)
    budget.grow(64 * len(rows))
    if rows and fill is not None:
        budget.grow_items(size)
        rows[-1] = rows[-1] + [fill] * (size - len(rows[-1]))
    return rows


@FILTERS.add("slice(count, fill=None)", "That many lists of nearly the same length.", _ITEMS)
def _slice(budget: Budget, value: Value, count: Value, fill: Value = None) -> list[list[Value]]:
    items = _items_of(value, budget)
    if type(count) is not int or count < 1:
        fail("ValueError", "the count must be a whole number above 0")
    budget.grow_items(count, each=64)
    size, longer = divmod(len(items), count)
    rows, position = [], 0
    for index in range(count):
        end = position + size + (index < longer)
        rows.append(items[position:end] + ([fill] if fill is not None and index >= longer > 0 else []))
        position = end
    return rows


@FILTERS.add("items()", "Pairs of key and value.", _ITEMS)
def _items(budget: Budget, value: Value) -> Value:
    return [] if type(value) is Missing else access.call_method(value, "items", budget, [], {})


@FILTERS.add("dictsort(case_sensitive=False, by='key', reverse=False)", "Pairs of key and value in order.", _ITEMS)
def _dictsort(
    budget: Budget, value: Value, case_sensitive: Value = False, by: str = "key", reverse: Value = False
) -> Value:
    key = _Key(0 if by == "key" else 1, case_sensitive).function()
    return call(FUNCTIONS["sorted"], budget, [_items(budget, value)], {"key": key, "reverse": reverse})


@FILTERS.add("attr(name)", "The attribute of that name.", "constant")
def _attr(budget: Budget, value: Value, name: Value) -> Value:
    if type(name) is not str or access.is_private(name):
        fail("AttributeError", f"{access.shorten(name)} cannot be read")
    return template_item(value, name, budget)


@FILTERS.add(
    "default(value='', boolean=False)", "Another value when this one is missing (or, with true, empty).", "constant"
)
def _default(budget: Budget, given: Value, /, value: Value = "", boolean: Value = False) -> Value:
    return value if type(given) is Missing or (boolean and not operators.is_true(given)) else given
