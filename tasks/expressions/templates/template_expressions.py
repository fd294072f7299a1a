"""Expressions inside templates, from Jinja's syntax tree to closures over our own operators."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from jinja2 import nodes

from tasks.expressions import access, formatting, light, operators
from tasks.expressions.callables import call
from tasks.expressions.errors import EvaluationError, LimitExceeded, UnsupportedFeature
from tasks.expressions.functions import CONSTANTS, FUNCTIONS, MODULES
from tasks.expressions.keys import merged
from tasks.expressions.limits import MAX_DEPTH, MAX_MACRO_DEPTH, Budget
from tasks.expressions.measure import check_key, text_of
from tasks.expressions.methods import METHODS
from tasks.expressions.templates.template_filters import FILTERS, TESTS, apply_filter, apply_test, template_item
from tasks.expressions.templates.template_values import Code, Loop, Macro, Namespace, Output, TemplateFrame
from tasks.expressions.values import Missing, Value, fail, is_lazy, resolve

_BINARY: dict[type[nodes.BinExpr], operators.Binary] = {
    nodes.Add: operators.add,
    nodes.Sub: operators.subtract,
    nodes.Mul: operators.multiply,
    nodes.Div: operators.divide,
    nodes.FloorDiv: operators.floor_divide,
    nodes.Mod: operators.modulo,
    nodes.Pow: operators.power,
}
_COMPARE: dict[str, operators.Binary] = {
    "eq": operators.equal,
    "ne": operators.not_equal,
    "lt": operators.less,
    "lteq": operators.less_equal,
    "gt": operators.greater,
    "gteq": operators.greater_equal,
    "in": operators.contains,
    "notin": operators.not_contains,
}


class TemplateExpressions:
    """Compiles expressions; `names`, `issues` and `cost` are complete when the template is.

    `line` is where the compiler stands.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.functions_called: set[str] = set()
        self.issues: list[tuple[str, str]] = []
        self.is_light = True
        self.cost = 0
        self.line = 1
        self._depth = 0
        self._loop_depth = 0
        self._declared: list[set[str]] = [set()]

    def _enter(self) -> None:
        self.cost += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise LimitExceeded(f"a template may be nested at most {MAX_DEPTH} levels deep")

    def _scoped(self, names: set[str], compile: Callable[[], Any]) -> Any:
        self._declared.append(names)
        try:
            return compile()
        finally:
            self._declared.pop()

    def _costed(self, compile: Callable[[], Any]) -> tuple[Any, int]:
        """Compile something that may run many times; its cost is charged for each run."""
        before = self.cost
        result = compile()
        cost, self.cost = self.cost - before, before + 1
        return result, cost

    def _optional(self, node: nodes.Node | None) -> Code:
        return self.compile(node) if node is not None else lambda frame: None

    def compile(self, node: nodes.Node) -> Code:
        handler = _EXPRESSIONS.get(type(node))
        if handler is None:
            unsupported(node)
        self.line = node.lineno
        self._enter()
        code = handler(self, node)
        self._depth -= 1
        return code

    def constant(self, node: nodes.Const) -> Code:
        value = node.value
        if type(value) is int:
            operators.check_integer_bits(value.bit_length())
        return lambda frame: value

    def template_data(self, node: nodes.TemplateData) -> Code:
        value = node.data
        return lambda frame: value

    def name(self, node: nodes.Name) -> Code:
        return self._read(node.name)

    def _read(self, name: str) -> Code:
        if access.is_private(name) and name.startswith("__"):
            raise UnsupportedFeature(f"the name {name!r} cannot be read")
        if name in FUNCTIONS or name in MODULES:
            # As a value it may be called under any name; one that is declared need not be set.
            self.is_light = False
        is_declared = any(name in names for names in self._declared)
        if not is_declared and name not in CONSTANTS and name not in MODULES and name not in FUNCTIONS:
            self.names.add(name)
        return lambda frame: _read_name(frame, name)

    def binary(self, node: nodes.BinExpr) -> Code:
        steps: list[tuple[operators.Binary, nodes.Expr]] = []
        left: nodes.Expr = node
        while isinstance(left, nodes.BinExpr) and type(left) in _BINARY:
            steps.append((_BINARY[type(left)], left.right))
            left = left.left
        if not steps:
            unsupported(node)
        first = self.compile(left)
        compiled = [(operator, self.compile(right)) for operator, right in reversed(steps)]

        def run(frame: TemplateFrame) -> Value:
            value = first(frame)
            for operator, operand in compiled:
                value = operator(value, operand(frame), frame.budget)
            return value

        return run

    def logical(self, node: nodes.And | nodes.Or) -> Code:
        kind = type(node)
        operands: list[nodes.Expr] = []
        left: nodes.Expr = node
        while type(left) is kind:
            operands.append(left.right)
            left = left.left
        parts = [self.compile(part) for part in (left, *reversed(operands))]
        stop_at = kind is nodes.Or

        def run(frame: TemplateFrame) -> Value:
            value: Value = None
            for part in parts:
                value = part(frame)
                if operators.is_true(value) is stop_at:
                    break
            return value

        return run

    def negation(self, node: nodes.Not) -> Code:
        operand = self.compile(node.node)
        return lambda frame: not operators.is_true(operand(frame))

    def sign(self, node: nodes.Neg | nodes.Pos) -> Code:
        operand = self.compile(node.node)
        operator = operators.negate if isinstance(node, nodes.Neg) else operators.positive
        return lambda frame: operator(operand(frame), frame.budget)

    def compare(self, node: nodes.Compare) -> Code:
        first = self.compile(node.expr)
        steps = [(_COMPARE[operand.op], self.compile(operand.expr)) for operand in node.ops]

        def run(frame: TemplateFrame) -> bool:
            left = first(frame)
            for operator, right_code in steps:
                right = right_code(frame)
                if not operator(left, right, frame.budget):
                    return False
                left = right
            return True

        return run

    def ternary(self, node: nodes.CondExpr) -> Code:
        test, then = self.compile(node.test), self.compile(node.expr1)
        otherwise = self.compile(node.expr2) if node.expr2 is not None else lambda frame: Missing("the other value")
        return lambda frame: then(frame) if operators.is_true(test(frame)) else otherwise(frame)

    def concat(self, node: nodes.Concat) -> Code:
        parts = [self.compile(part) for part in node.nodes]
        return lambda frame: formatting.join_pieces(
            [text_of(part(frame), frame.budget) for part in parts], frame.budget
        )

    def list_display(self, node: nodes.List | nodes.Tuple) -> Code:
        codes = [self.compile(item) for item in node.items]
        kind = tuple if isinstance(node, nodes.Tuple) else list

        def run(frame: TemplateFrame) -> Value:
            frame.budget.grow(64 + 8 * len(codes))
            return kind([code(frame) for code in codes])

        return run

    def dict_display(self, node: nodes.Dict) -> Code:
        if not all(isinstance(pair.key, nodes.Const) and type(pair.key.value) is str for pair in node.items):
            self.is_light = False
        pairs = [(self.compile(pair.key), self.compile(pair.value)) for pair in node.items]

        def run(frame: TemplateFrame) -> dict[Value, Value]:
            frame.budget.grow(232 + 100 * len(pairs))
            found = {}
            for key_code, value_code in pairs:
                key = key_code(frame)
                check_key(key, frame.budget)
                found[key] = value_code(frame)
            return found

        return run

    def attribute(self, node: nodes.Getattr) -> Code:
        name = node.attr
        if access.is_private(name):
            return self._private(name)
        if isinstance(node.node, nodes.Name) and node.node.name in ("self", "super"):
            raise UnsupportedFeature(f"{node.node.name} is not supported")
        value = self.compile(node.node)
        path = _path(node)
        return lambda frame: _read_attribute(value(frame), name, path, frame.budget)

    def _private(self, name: str) -> Code:
        message = f"attributes that start with an underscore cannot be read: {name!r}; use ['{name}'] for a key"
        self.issues.append(("unsafe_operations", message))

        def run(frame: TemplateFrame) -> Value:
            fail("AttributeError", message)

        return run

    def item(self, node: nodes.Getitem) -> Code:
        value = self.compile(node.node)
        if isinstance(node.arg, nodes.Slice):
            start, stop, step = (self._optional(bound) for bound in (node.arg.start, node.arg.stop, node.arg.step))
            return lambda frame: access.slice_of(value(frame), start(frame), stop(frame), step(frame), frame.budget)
        key = self.compile(node.arg)
        return lambda frame: template_item(value(frame), key(frame), frame.budget)

    def call(self, node: nodes.Call) -> Code:
        arguments, keywords = self._arguments(node)
        if isinstance(node.node, nodes.Getattr):
            return self._call_method(node.node, arguments, keywords)
        if isinstance(node.node, nodes.Name):
            return self._call_name(node.node.name, arguments, keywords)
        self.is_light = False
        function = self.compile(node.node)
        return lambda frame: _call(function(frame), frame, arguments(frame), keywords(frame))

    def _needs(self, name: str, light_ones: frozenset[str]) -> None:
        if name not in light_ones:
            self.is_light = False

    def _call_method(self, target: nodes.Getattr, arguments: Code, keywords: Code) -> Code:
        name = target.attr
        self._needs(name, light.METHODS)
        if access.is_private(name):
            return self._private(name)
        value = self.compile(target.node)

        def run(frame: TemplateFrame) -> Value:
            found = value(frame)
            if type(found) is Loop:
                return found.call(name, frame.budget, arguments(frame))
            if type(found) is Namespace:
                return _call(found.values.get(name), frame, arguments(frame), keywords(frame))
            return access.call_method(found, name, frame.budget, arguments(frame), keywords(frame))

        return run

    def _call_name(self, name: str, arguments: Code, keywords: Code) -> Code:
        if name in FUNCTIONS or name in MODULES:
            self._needs(name, light.FUNCTIONS)
        is_declared = any(name in names for names in self._declared)
        if not is_declared and name == "namespace":
            return lambda frame: _make_namespace(arguments(frame), keywords(frame), frame.budget)
        if not is_declared and name == "get":
            self.names.add("state")
            return lambda frame: access.call_method(
                resolve(frame.scope.get("state", {}), frame.budget),
                "get",
                frame.budget,
                arguments(frame),
                keywords(frame),
            )
        if not is_declared and (name in FUNCTIONS or name in MODULES):
            self.functions_called.add(name)
            function: Value = FUNCTIONS.get(name) or MODULES[name]
            return lambda frame: call(function, frame.budget, arguments(frame), keywords(frame))
        read = self._read(name)

        def run(frame: TemplateFrame) -> Value:
            found = read(frame)
            if type(found) is Missing:
                fail("NameError", f"there is no function {name!r}{access.suggestion(name, FUNCTIONS)}")
            return _call(found, frame, arguments(frame), keywords(frame))

        return run

    def _arguments(self, node: nodes.Call | nodes.Filter | nodes.Test) -> tuple[Code, Code]:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise UnsupportedFeature("* and ** in calls are not supported in templates")
        codes = [self.compile(argument) for argument in node.args]
        named = [(keyword.key, self.compile(keyword.value)) for keyword in node.kwargs]
        return (
            lambda frame: [code(frame) for code in codes],
            lambda frame: {name: code(frame) for name, code in named},
        )

    def filter(self, node: nodes.Filter) -> Code:
        if node.node is None:
            raise UnsupportedFeature("a filter needs a value")
        return self._filtered(node, self.compile(node.node))

    def _filtered(self, node: nodes.Filter, value: Code) -> Code:
        if isinstance(node.node, nodes.Filter) and value is not None and _ends_open(node.node):
            value = self._filtered(node.node, value)
        if node.name not in FILTERS.functions:
            hint = access.suggestion(node.name, FILTERS.functions)
            raise UnsupportedFeature(f"there is no filter {node.name!r}{hint}")
        name = node.name
        self._needs(name, light.FILTERS)
        arguments, keywords = self._arguments(node)
        return lambda frame: apply_filter(name, frame.budget, value(frame), *arguments(frame), **keywords(frame))

    def test(self, node: nodes.Test) -> Code:
        if node.name not in TESTS.functions:
            hint = access.suggestion(node.name, TESTS.functions)
            raise UnsupportedFeature(f"there is no test {node.name!r}{hint}")
        value = self.compile(node.node)
        name = node.name
        arguments, _ = self._arguments(node)
        return lambda frame: apply_test(name, frame.budget, value(frame), *arguments(frame))


def unsupported(node: nodes.Node) -> NoReturn:
    """Refuse a node that templates leave out."""
    name = type(node).__name__
    hint = " (templates stand alone)" if name in ("Include", "Import", "FromImport", "Extends", "Block") else ""
    raise UnsupportedFeature(f"{name} is not supported in templates{hint}")


def _ends_open(node: nodes.Filter) -> bool:
    """Whether a chain of filters starts at a block instead of at a value."""
    while isinstance(node.node, nodes.Filter):
        node = node.node
    return node.node is None


def _path(node: nodes.Node) -> str:
    parts: list[str] = []
    while isinstance(node, nodes.Getattr):
        parts.append(node.attr)
        node = node.node
    parts.append(node.name if isinstance(node, nodes.Name) else "...")
    return ".".join(reversed(parts))


def _read_name(frame: TemplateFrame, name: str) -> Value:
    for variables in reversed(frame.variables):
        if name in variables:
            return variables[name]
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in MODULES:
        return MODULES[name]
    if name in frame.scope:
        return resolve(frame.scope[name], frame.budget)
    return FUNCTIONS[name] if name in FUNCTIONS else Missing(name)


def _read_attribute(value: Value, name: str, path: str, budget: Budget) -> Value:
    kind = type(value)
    if kind is dict and name not in value:
        if name in METHODS[dict]:
            fail("AttributeError", f".{name} is a method: call it with .{name}(...)")
        return Missing(path)
    if kind is Loop:
        return value.attribute(name)
    if kind is Namespace:
        return value.values.get(name, Missing(path))
    if is_lazy(value):
        try:
            return access.attribute(value, name, budget)
        except EvaluationError as error:
            if error.type in ("KeyError", "AttributeError", "IndexError") and name not in METHODS[dict]:
                return Missing(path)
            raise
    return access.attribute(value, name, budget)


def _make_namespace(arguments: list[Value], keywords: Mapping[str, Value], budget: Budget) -> Namespace:
    values = arguments[0] if arguments and type(arguments[0]) is dict else {}
    return Namespace(merged([values, keywords], budget))


def _call(function: Value, frame: TemplateFrame, arguments: list[Value], keywords: Mapping[str, Value]) -> Value:
    if type(function) is Macro:
        return call_macro(function, frame, arguments, keywords)
    return call(function, frame.budget, arguments, keywords)


def call_macro(macro: Macro, frame: TemplateFrame, arguments: list[Value], keywords: Mapping[str, Value]) -> str:
    if frame.macro_depth >= MAX_MACRO_DEPTH:
        raise LimitExceeded(f"macros may call each other at most {MAX_MACRO_DEPTH} levels deep")
    frame.budget.charge(macro.cost)
    bound = macro.bind(frame, arguments, keywords)
    own = TemplateFrame(frame.scope, frame.budget, [*macro.variables, bound], frame.macro_depth + 1)
    output = Output(frame.budget)
    macro.body(own, output)
    return output.text()


_EXPRESSIONS: dict[type[nodes.Node], Callable[[TemplateExpressions, Any], Code]] = {
    nodes.Const: TemplateExpressions.constant,
    nodes.TemplateData: TemplateExpressions.template_data,
    nodes.Name: TemplateExpressions.name,
    **dict.fromkeys(_BINARY, TemplateExpressions.binary),
    nodes.And: TemplateExpressions.logical,
    nodes.Or: TemplateExpressions.logical,
    nodes.Not: TemplateExpressions.negation,
    nodes.Neg: TemplateExpressions.sign,
    nodes.Pos: TemplateExpressions.sign,
    nodes.Compare: TemplateExpressions.compare,
    nodes.CondExpr: TemplateExpressions.ternary,
    nodes.Concat: TemplateExpressions.concat,
    nodes.List: TemplateExpressions.list_display,
    nodes.Tuple: TemplateExpressions.list_display,
    nodes.Dict: TemplateExpressions.dict_display,
    nodes.Getattr: TemplateExpressions.attribute,
    nodes.Getitem: TemplateExpressions.item,
    nodes.Call: TemplateExpressions.call,
    nodes.Filter: TemplateExpressions.filter,
    nodes.Test: TemplateExpressions.test,
}
