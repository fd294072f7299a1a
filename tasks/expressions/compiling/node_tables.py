"""Which operator a node of the syntax tree stands for, why other nodes are refused, and two that Python lacks."""

import ast
from collections.abc import Callable
from dataclasses import dataclass

from tasks.expressions import operators
from tasks.expressions.comprehensions import Code
from tasks.expressions.values import Value

BINARY: dict[type[ast.operator], operators.Binary] = {
    ast.Add: operators.add,
    ast.Sub: operators.subtract,
    ast.Mult: operators.multiply,
    ast.Div: operators.divide,
    ast.FloorDiv: operators.floor_divide,
    ast.Mod: operators.modulo,
    ast.Pow: operators.power,
    ast.MatMult: operators.matrix_multiply,
    ast.LShift: operators.shift_left,
    ast.RShift: operators.shift_right,
    ast.BitOr: operators.bit_or,
    ast.BitAnd: operators.bit_and,
    ast.BitXor: operators.bit_xor,
}
UNARY: dict[type[ast.unaryop], Callable[..., Value]] = {
    ast.USub: operators.negate,
    ast.UAdd: operators.positive,
    ast.Invert: operators.invert,
}
COMPARE: dict[type[ast.cmpop], Callable[..., bool]] = {
    ast.Eq: operators.equal,
    ast.NotEq: operators.not_equal,
    ast.Lt: operators.less,
    ast.LtE: operators.less_equal,
    ast.Gt: operators.greater,
    ast.GtE: operators.greater_equal,
    ast.In: operators.contains,
    ast.NotIn: operators.not_contains,
    ast.Is: operators.identical,
    ast.IsNot: operators.not_identical,
}
REFUSED: dict[type[ast.AST], str] = {
    ast.Lambda: "lambda is not supported; name a function (key=len) or use a comprehension",
    ast.SetComp: "set comprehensions are not supported; use set([... for ...])",
    ast.NamedExpr: "assignment expressions (:=) are not supported",
    ast.Await: "await is not supported",
    ast.Yield: "yield is not supported",
    ast.YieldFrom: "yield is not supported",
    ast.Starred: "a star is only supported inside a list, tuple, set or call",
}


@dataclass(eq=False)
class Known(ast.expr):
    """A value that is known before anything runs, such as the function that a filter is."""

    value: Value
    is_light: bool = True


@dataclass(eq=False)
class Compiled(ast.expr):
    """What has been compiled already, such as the text of a block."""

    code: Code
