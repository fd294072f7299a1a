"""Numbers: rounding, `math`, `statistics` and `random`."""

import math
import random
import statistics
from collections.abc import Callable
from typing import Any

from tasks.expressions import operators
from tasks.expressions.callables import Group
from tasks.expressions.keys import Keys
from tasks.expressions.limits import MAX_POW_MODULUS_BITS, Budget
from tasks.expressions.values import NUMBERS, Value, fail, take_list, type_name

GROUP = Group("Numbers")
MATH = Group("math", prefix="math.")
STATISTICS = Group("statistics", prefix="statistics.")
RANDOM = Group("random", prefix="random.")

_MAX_ROUND_DIGITS = 400
_MAX_FACTORIAL = 170
_MAX_QUANTILES = 1_000
_STATISTICS_COST = 40
# Seeded by the operating system, and without state that one caller could set for another.
_random = random.SystemRandom()


def _number(value: Value) -> Value:
    if type(value) not in NUMBERS:
        fail("TypeError", f"a number is needed, not {type_name(value)}")
    return value


def _whole(value: Value) -> int:
    if type(value) not in (int, bool):
        fail("TypeError", f"a whole number is needed, not {type_name(value)}")
    return int(value)


@GROUP.add("abs(number)", "The number without its sign.", "constant")
def _abs(budget: Budget, number: Value) -> Value:
    return abs(_number(number))


@GROUP.add("round(number, digits=None)", "The nearest number with that many digits after the point.", "400 digits")
def _round(budget: Budget, number: Value, digits: Value = None) -> Value:
    if digits is None:
        return round(_number(number))
    if abs(_whole(digits)) > _MAX_ROUND_DIGITS:
        fail("ValueError", f"round takes at most {_MAX_ROUND_DIGITS} digits")
    return round(_number(number), digits)


@GROUP.add("pow(base, exponent, modulus=None)", "base ** exponent.", "2,048 bits; with a modulus 512 bits")
def _pow(budget: Budget, base: Value, exponent: Value, modulus: Value = None) -> Value:
    if modulus is None:
        return operators.power(base, exponent, budget)
    values = [_whole(value) for value in (base, exponent, modulus)]
    if max(value.bit_length() for value in values) > MAX_POW_MODULUS_BITS:
        fail("ValueError", f"pow with a modulus takes numbers of at most {MAX_POW_MODULUS_BITS} bits")
    budget.charge(2_000)
    return pow(*values)


@GROUP.add("divmod(a, b)", "A pair: whole quotient and remainder.", "constant")
def _divmod(budget: Budget, a: Value, b: Value) -> tuple[Value, Value]:
    return operators.floor_divide(a, b, budget), operators.modulo(_number(a), b, budget)


@GROUP.add("chr(code)", "The character with that Unicode number.", "constant")
def _chr(budget: Budget, code: Value) -> str:
    return chr(_whole(code))


@GROUP.add("ord(character)", "The Unicode number of a character.", "constant")
def _ord(budget: Budget, character: Value) -> int:
    if type(character) is not str or len(character) != 1:
        fail("TypeError", "ord needs one character")
    return ord(character)


def _plain(name: str, parameters: str, doc: str) -> None:
    apply: Callable[..., Any] = getattr(math, name)
    count = len(parameters.split(","))

    @MATH.add(f"{name}({parameters})", doc, "constant")
    def run(budget: Budget, *values: Value) -> Value:
        if len(values) != count:
            fail("TypeError", f"math.{name} takes ({parameters})")
        return apply(*(_number(value) for value in values))


for _name, _parameters, _doc in (
    ("sqrt", "x", "Square root."),
    ("exp", "x", "e to the power x."),
    ("ceil", "x", "The next whole number upwards."),
    ("floor", "x", "The next whole number downwards."),
    ("trunc", "x", "The whole part."),
    ("fabs", "x", "The absolute value as a float."),
    ("isinf", "x", "Whether x is infinite."),
    ("isnan", "x", "Whether x is not a number."),
    ("isfinite", "x", "Whether x is an ordinary number."),
    ("log10", "x", "Logarithm to base 10."),
    ("log2", "x", "Logarithm to base 2."),
    ("pow", "x, y", "x to the power y, as a float."),
    ("fmod", "x, y", "Remainder with the sign of x."),
    ("hypot", "x, y", "Length of the vector (x, y)."),
    ("sin", "x", "Sine of x radians."),
    ("cos", "x", "Cosine of x radians."),
    ("tan", "x", "Tangent of x radians."),
    ("asin", "x", "Inverse sine."),
    ("acos", "x", "Inverse cosine."),
    ("atan", "x", "Inverse tangent."),
    ("atan2", "y, x", "Angle of the vector (x, y)."),
    ("degrees", "x", "Radians as degrees."),
    ("radians", "x", "Degrees as radians."),
    ("gcd", "a, b", "Greatest common divisor."),
):
    _plain(_name, _parameters, _doc)


@MATH.add("log(x, base=e)", "Logarithm.", "constant")
def _log(budget: Budget, x: Value, base: Value = math.e) -> float:
    return math.log(_number(x)) if base == math.e else math.log(_number(x), _number(base))


@MATH.add("factorial(n)", "1 * 2 * ... * n.", f"n at most {_MAX_FACTORIAL}")
def _factorial(budget: Budget, n: Value) -> int:
    if _whole(n) > _MAX_FACTORIAL:
        fail("ValueError", f"factorial takes at most {_MAX_FACTORIAL}")
    return math.factorial(n)


@MATH.add("prod(items)", "The product of numbers.", "one unit per item")
def _prod(budget: Budget, items: Value) -> Value:
    product: Value = 1
    for item in take_list(items, budget):
        product = operators.multiply(product, _number(item), budget)
    return product


MATH_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf, "nan": math.nan}


def _numbers(budget: Budget, items: Value) -> list[Value]:
    values = take_list(items, budget)
    budget.charge(_STATISTICS_COST * len(values))
    return [_number(value) for value in values]


def _statistic(name: str, doc: str) -> None:
    apply: Callable[..., Any] = getattr(statistics, name)

    @STATISTICS.add(f"{name}(numbers)", doc, f"{_STATISTICS_COST} units per number")
    def run(budget: Budget, numbers: Value) -> Value:
        return apply(_numbers(budget, numbers))


for _name, _doc in (
    ("mean", "Average."),
    ("fmean", "Average, as a float."),
    ("geometric_mean", "Geometric average."),
    ("median", "Middle value."),
    ("median_low", "Lower middle value."),
    ("median_high", "Higher middle value."),
    ("stdev", "Standard deviation of a sample."),
    ("pstdev", "Standard deviation of a population."),
    ("variance", "Variance of a sample."),
    ("pvariance", "Variance of a population."),
):
    _statistic(_name, _doc)


@STATISTICS.add("mode(values)", "The most common value.", "one unit per value")
def _mode(budget: Budget, values: Value) -> Value:
    items = take_list(values, budget)
    if not all(type(item) in NUMBERS or (type(item) is str and len(item) <= 1000) for item in items):
        fail("TypeError", "mode takes numbers or short texts")
    if not items:
        fail("ValueError", "mode of nothing")
    counts: dict[Value, int] = {}
    keys = Keys(budget, counts)
    for item in items:
        keys.admit(item)
        counts[item] = counts.get(item, 0) + 1
    return max(counts, key=counts.__getitem__)


@STATISTICS.add("quantiles(numbers, n=4)", "Cut points of n equal parts.", f"n at most {_MAX_QUANTILES:,}")
def _quantiles(budget: Budget, numbers: Value, *, n: Value = 4) -> list[Value]:
    if _whole(n) > _MAX_QUANTILES:
        fail("ValueError", f"quantiles takes at most {_MAX_QUANTILES:,} parts")
    return statistics.quantiles(_numbers(budget, numbers), n=n)


def _drawn(budget: Budget, items: Value) -> list[Value]:
    values = take_list(items, budget)
    if not values:
        fail("IndexError", "cannot choose from nothing")
    return values


@RANDOM.add("choice(items)", "One of the items.", "one unit per item")
def _choice(budget: Budget, items: Value) -> Value:
    return _random.choice(_drawn(budget, items))


@RANDOM.add("choices(items, k=1)", "k items, each drawn from all of them.", "200,000 items")
def _choices(budget: Budget, items: Value, *, k: Value = 1) -> list[Value]:
    budget.grow_items(_whole(k))
    budget.charge(10 * k)
    return _random.choices(_drawn(budget, items), k=k)


@RANDOM.add("sample(items, k)", "k different items.", "200,000 items")
def _sample(budget: Budget, items: Value, k: Value) -> list[Value]:
    values = take_list(items, budget)
    if not 0 <= _whole(k) <= len(values):
        fail("ValueError", "sample cannot draw more items than there are")
    budget.grow_items(k)
    budget.charge(10 * k)
    return _random.sample(values, k)


@RANDOM.add("shuffle(items)", "A new list with the items in random order.", "200,000 items")
def _shuffle(budget: Budget, items: Value) -> list[Value]:
    values = take_list(items, budget)
    budget.charge(10 * len(values))
    return _random.sample(values, len(values))


@RANDOM.add("random()", "A number from 0 up to, without, 1.", "constant")
def _random_number(budget: Budget) -> float:
    return _random.random()


@RANDOM.add("uniform(a, b)", "A number between a and b.", "constant")
def _uniform(budget: Budget, a: Value, b: Value) -> float:
    return _random.uniform(_number(a), _number(b))


def _randint(budget: Budget, a: Value, b: Value = None) -> int:
    if b is None:
        if _whole(a) < 1:
            fail("ValueError", f"there is no whole number from 0 to below {a}")
        return _random.randrange(_whole(a))
    return _random.randint(_whole(a), _whole(b))


_RANDINT_DOC = "A whole number from a to b, both included; with one argument from 0 to below it, as of an index."
RANDOM.add("randint(a, b=None)", _RANDINT_DOC, "constant")(_randint)
GROUP.add("randint(a, b=None)", _RANDINT_DOC, "constant")(_randint)


@RANDOM.add("randrange(start, stop=None, step=1)", "One of range(start, stop, step).", "constant")
def _randrange(budget: Budget, start: Value, stop: Value = None, step: Value = 1) -> int:
    return _random.randrange(_whole(start), None if stop is None else _whole(stop), _whole(step))
