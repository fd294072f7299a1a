"""Expressions made by chance, of what every Python reads alike: no quotes of an f-string inside its own fields."""

import random

_LEAVES = ["x", "1", "'a'", "_.b", "None", "1.5", "y[0]", "g(1)", "''", "f''", "f'{x}'", "f'{x!r:>{y}}'", "f'{x = }'"]
_OPERATORS = "+ - * / // % @ ** | & ^ << >> and or < > == != <= >= in is".split() + ["not in", "is not"]
_SHAPES = [
    "({0})",
    "[{0}, {1}]",
    "{{{0}: {1}, **{2}}}",
    "{0} {op} {1}",
    "{0} {op} {1} {op} {2}",
    "not {0}",
    "-{0}",
    "~{0}",
    "{0} if {1} else {2}",
    "{0}.name",
    "{0}[{1}:{2}]",
    "{0}[:{1}:{2}, 1]",
    "{0}[{1}, *{2}]",
    "f({0}, *{1}, k={2}, **{0})",
    "[{0} for x, *y in {1} if {2} if x]",
    "sum({0} for x in {1} for (a, b) in {2})",
    "{{{0}: {1} for k, v in {2}}}",
    "{{{0}, *{1}}}",
    "({0}, *{1})",
    "({0},)",
    "{0} {1}",
    "{0}({1})",
    "*{0}",
    "lambda x, y=1: {0}",
    "(z := {0})",
    "{{{0} for x in {1}}}",
    "{0} for x in {1}",
    "{0}, {1}",
]


def random_source(chance: random.Random, depth: int) -> str:
    """One expression, often a wrong one."""
    if depth <= 0:
        return chance.choice(_LEAVES)
    parts = [random_source(chance, depth - chance.randint(1, 3)) for _ in range(3)]
    return chance.choice(_SHAPES).format(*parts, op=chance.choice(_OPERATORS))
