"""From a checked syntax tree to closures: all that operators, calls, attributes and their costs become.

Each node becomes a function of a `Frame`. Straight-line code runs at most once per evaluation, so its cost is known
here and charged once; only comprehensions charge while they run, for each turn. Unknown nodes are refused: the table
at the end is the language.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tasks.expressions import access, formatting, light, operators
from tasks.expressions.callables import Module, call
from tasks.expressions.compiling.facts import Facts
from tasks.expressions.compiling.node_tables import BINARY, COMPARE, REFUSED, UNARY, Compiled, Known
from tasks.expressions.compiling.reading import (
    call_get,
    fails,
    keyword_values,
    module_member,
    object_display,
    past_input,
    read_name,
    refuse_unavailable,
    spread_items,
    unknown_function,
    written_key,
)
from tasks.expressions.comprehensions import (
    Clause,
    Code,
    Frame,
    bind_name,
    bind_names,
    generator_code,
    list_code,
    mapping_code,
)
from tasks.expressions.errors import LimitExceeded, UnsupportedFeature
from tasks.expressions.functions import CONSTANTS, FUNCTIONS, MODULES
from tasks.expressions.limits import MAX_CHAIN, MAX_DEPTH
from tasks.expressions.methods import make_set
from tasks.expressions.values import Value, fail

_ZERO_DIVISION = (ast.Div, ast.FloorDiv, ast.Mod)


class Compiler:
    """Compiles one expression; `facts`, `cost` and `slots` are complete afterwards.

    Another notation is lowered to this tree; what its names, attributes and items mean, a subclass says.
    """

    functions: ClassVar[Mapping[str, Value]] = FUNCTIONS
    item = staticmethod(access.item)
    call_method = staticmethod(access.call_method)

    def __init__(self) -> None:
        self.facts = Facts()
        self.cost = 0
        self.slots = 0
        self._depth = 0
        self._chain = 0
        self._variables: dict[str, int] = {}

    def compile(self, node: ast.expr) -> Code:
        self.enter()
        chain, self._chain = self._chain, 0
        code = self._dispatch(node)
        self._chain = chain
        self._depth -= 1
        return code

    def enter(self) -> None:
        self.cost += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise LimitExceeded(f"at most {MAX_DEPTH} levels may be nested")

    def _dispatch(self, node: ast.expr) -> Code:
        handler = _NODES.get(type(node))
        if handler is None:
            raise UnsupportedFeature(REFUSED.get(type(node), f"{type(node).__name__} is not supported"))
        return handler(self, node)

    def _postfix(self, node: ast.expr) -> Code:
        """The left side of `.name`, `[...]` or `(...)`: a long chain is not deep nesting, but has its own limit."""
        self.cost += 1
        self._chain += 1
        if self._chain > MAX_CHAIN:
            raise LimitExceeded(f"at most {MAX_CHAIN} attributes, items and calls may follow each other")
        code = self._dispatch(node)
        self._chain -= 1
        return code

    # Names and constants

    def constant(self, node: ast.Constant) -> Code:
        value = node.value
        if type(value) not in (str, int, float, bool, type(None)):
            raise UnsupportedFeature(f"a literal of type {type(value).__name__} is not supported")
        if type(value) is int:
            operators.check_integer_bits(value.bit_length())
        return lambda frame: value

    def known(self, node: Known) -> Code:
        value = node.value
        return lambda frame: value

    def compiled(self, node: Compiled) -> Code:
        return node.code

    def name(self, node: ast.Name) -> Code:
        self.facts.is_literal = False
        return self.read(node.id)

    def read(self, name: str) -> Code:
        if name in self._variables:
            slot = self._variables[name]
            return lambda frame: frame.slots[slot]
        if name in CONSTANTS:
            self.facts.constants_named.add(name)
            constant = CONSTANTS[name]
            return lambda frame: constant
        if name in MODULES or name in FUNCTIONS:
            # As a value it may be called under any name.
            self.facts.is_light = False
        if name in MODULES:
            self.facts.modules_named.add(name)
            module = MODULES[name]
            return lambda frame: module
        if name in FUNCTIONS:
            self.facts.functions_named.add(name)
        elif (position := past_input(name)) is not None:
            return self.read_past_input(position)
        else:
            refuse_unavailable(name)
            self.facts.names.add(name)
        return read_name(name)

    def read_past_input(self, position: int) -> Code:
        """`_0` is `inputs[0]`."""
        self.facts.names.add("inputs")
        self.facts.lookups.add(("inputs", position))
        inputs = read_name("inputs")
        return lambda frame: access.item(inputs(frame), position, frame.budget)

    # Operators

    def binary(self, node: ast.BinOp) -> Code:
        """A chain such as `a + b + c` is flat, so that long sums do not count as nesting."""
        steps: list[tuple[operators.Binary, ast.expr]] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            self._check_division(left)
            steps.append((BINARY[type(left.op)], left.right))
            left = left.left
        first = self.compile(left)
        compiled = [(operator, self.compile(right)) for operator, right in reversed(steps)]
        self.cost += len(compiled)
        if len(compiled) == 1:
            operator, second = compiled[0]
            return lambda frame: operator(first(frame), second(frame), frame.budget)

        def run(frame: Frame) -> Value:
            value = first(frame)
            for operator, operand in compiled:
                value = operator(value, operand(frame), frame.budget)
            return value

        return run

    def _check_division(self, node: ast.BinOp) -> None:
        right = node.right
        divides = isinstance(node.op, _ZERO_DIVISION) and not (
            isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
        )
        if divides and isinstance(right, ast.Constant) and right.value in (0, False):
            self.issue("potential_runtime_errors", "division by zero")

    def unary(self, node: ast.UnaryOp) -> Code:
        operand = self.compile(node.operand)
        if isinstance(node.op, ast.Not):
            return lambda frame: not operators.is_true(operand(frame))
        operator = UNARY[type(node.op)]
        return lambda frame: operator(operand(frame), frame.budget)

    def boolean(self, node: ast.BoolOp) -> Code:
        parts = [self.compile(value) for value in node.values]
        stop_at = isinstance(node.op, ast.Or)

        def run(frame: Frame) -> Value:
            value: Value = None
            for part in parts:
                value = part(frame)
                if operators.is_true(value) is stop_at:
                    break
            return value

        return run

    def compare(self, node: ast.Compare) -> Code:
        first = self.compile(node.left)
        steps = [
            (COMPARE[type(operator)], self.compile(right))
            for operator, right in zip(node.ops, node.comparators, strict=True)
        ]
        if len(steps) == 1:
            operator, second = steps[0]
            return lambda frame: operator(first(frame), second(frame), frame.budget)

        def run(frame: Frame) -> bool:
            left = first(frame)
            for operator, right_code in steps:
                right = right_code(frame)
                if not operator(left, right, frame.budget):
                    return False
                left = right
            return True

        return run

    def ternary(self, node: ast.IfExp) -> Code:
        test, then, otherwise = self.compile(node.test), self.compile(node.body), self.compile(node.orelse)
        return lambda frame: then(frame) if operators.is_true(test(frame)) else otherwise(frame)

    # Attributes, items, calls

    def attribute(self, node: ast.Attribute) -> Code:
        name = node.attr
        self.facts.is_literal = False
        if access.is_private(name):
            return self._private(name)
        if isinstance(node.value, ast.Name) and self.is_module(node.value.id):
            self.facts.is_light = False
            self.facts.module_attributes.add(f"{node.value.id}.{name}")
            member = module_member(MODULES[node.value.id], name)
            return lambda frame: member
        return self.read_attribute(self._postfix(node.value), node)

    def read_attribute(self, value: Code, node: ast.Attribute) -> Code:
        name = node.attr
        return lambda frame: access.attribute(value(frame), name, frame.budget)

    def _private(self, name: str) -> Code:
        message = f"attributes that start with an underscore cannot be read: {name!r}; use ['{name}'] for a key"
        self.issue("unsafe_operations", message)

        def run(frame: Frame) -> Value:
            fail("AttributeError", message)

        return run

    def is_module(self, name: str) -> bool:
        return name in MODULES and name not in self._variables

    def subscript(self, node: ast.Subscript) -> Code:
        self.check_index(node)
        self._note_lookup(node)
        value = self._postfix(node.value)
        if isinstance(node.slice, ast.Slice):
            part = node.slice
            start, stop, step = (self._optional(bound) for bound in (part.lower, part.upper, part.step))
            return lambda frame: access.slice_of(value(frame), start(frame), stop(frame), step(frame), frame.budget)
        if isinstance(node.slice, ast.Tuple) and any(isinstance(part, ast.Slice) for part in node.slice.elts):
            raise UnsupportedFeature("a slice has one range")
        key = self.compile(node.slice)
        item = self.item
        return lambda frame: item(value(frame), key(frame), frame.budget)

    def _optional(self, node: ast.expr | None) -> Code:
        return self.compile(node) if node is not None else lambda frame: None

    def _note_lookup(self, node: ast.Subscript) -> None:
        if isinstance(node.value, ast.Name) and node.value.id not in self._variables:
            key = written_key(node.slice)
            if key is not None:
                self.facts.lookups.add((node.value.id, key))

    def check_index(self, node: ast.Subscript) -> None:
        if not isinstance(node.value, ast.List | ast.Tuple):
            return
        index, items = written_key(node.slice), node.value.elts
        is_spread = any(isinstance(part, ast.Starred) for part in items)
        if isinstance(index, int) and not is_spread and not -len(items) <= index < len(items):
            self.issue("potential_runtime_errors", "list index out of range")

    def call(self, node: ast.Call) -> Code:
        self.facts.is_literal = False
        target = node.func
        if isinstance(target, ast.Name) and target.id not in self._variables:
            return self.call_name(target.id, node)
        if isinstance(target, ast.Attribute):
            return self._call_method(target, node)
        if isinstance(target, Known):
            self.facts.is_light &= target.is_light
            return self._call_function(target.value, node)
        self.facts.is_light = False
        return self.call_value(self._postfix(target), node)

    def call_value(self, function: Code, node: ast.Call) -> Code:
        arguments, keywords = self._arguments(node)
        return lambda frame: call(function(frame), frame.budget, arguments(frame), keywords(frame))

    def _call_function(self, function: Value, node: ast.Call) -> Code:
        arguments, keywords = self._arguments(node)
        return lambda frame: call(function, frame.budget, arguments(frame), keywords(frame))

    def call_name(self, name: str, node: ast.Call) -> Code:
        self._needs(name, light.FUNCTIONS)
        if name == "get":
            self.facts.functions_called.add(name)
            self.facts.names.add("state")
            return call_get(*self._arguments(node))
        function: Value = self.functions.get(name) or MODULES.get(name)
        if function is None:
            self._arguments(node)
            refuse_unavailable(name)
            self.facts.names.add(name)
            return unknown_function(name)
        if type(function) is Module and function.call is None:
            self._arguments(node)
            return fails("TypeError", f"the module {name} cannot be called")
        self.facts.functions_called.add(name)
        return self._call_function(function, node)

    def _needs(self, name: str, light_ones: frozenset[str]) -> None:
        if name not in light_ones:
            self.facts.is_light = False

    def _call_method(self, target: ast.Attribute, node: ast.Call) -> Code:
        name = target.attr
        self._needs(name, light.METHODS)
        if access.is_private(name):
            self._arguments(node)
            return self._private(name)
        if isinstance(target.value, ast.Name) and self.is_module(target.value.id):
            return self.call_value(self.attribute(target), node)
        value = self._postfix(target.value)
        arguments, keywords = self._arguments(node)
        call_method = self.call_method
        return lambda frame: call_method(value(frame), name, frame.budget, arguments(frame), keywords(frame))

    def _arguments(
        self, node: ast.Call
    ) -> tuple[Callable[[Frame], list[Value]], Callable[[Frame], Mapping[str, Value]]]:
        arguments = self._items(node.args)
        return arguments, keyword_values([(keyword.arg, self.compile(keyword.value)) for keyword in node.keywords])

    # Displays

    def _items(self, nodes: list[ast.expr]) -> Callable[[Frame], list[Value]]:
        """The items of a list, tuple, set or call, with `*more` spread in place."""
        if not any(isinstance(node, ast.Starred) for node in nodes):
            codes = [self.compile(node) for node in nodes]
            if len(codes) == 1:
                only = codes[0]
                return lambda frame: [only(frame)]
            return lambda frame: [code(frame) for code in codes]
        return spread_items(
            [
                (isinstance(node, ast.Starred), self.compile(node.value if isinstance(node, ast.Starred) else node))
                for node in nodes
            ]
        )

    def list_display(self, node: ast.List) -> Code:
        items = self._items(node.elts)

        def run(frame: Frame) -> list[Value]:
            found = items(frame)
            frame.budget.size -= 64 + 8 * len(found)
            return found

        return run

    def tuple_display(self, node: ast.Tuple) -> Code:
        items = self.list_display(ast.List(elts=node.elts, ctx=ast.Load()))
        return lambda frame: tuple(items(frame))

    def set_display(self, node: ast.Set) -> Code:
        self.facts.is_light = False
        items = self._items(node.elts)
        return lambda frame: make_set(frame.budget, items(frame))

    def dict_display(self, node: ast.Dict) -> Code:
        if not all(key is None or isinstance(key, ast.Constant) and type(key.value) is str for key in node.keys):
            self.facts.is_light = False
        return object_display(
            [
                (self.compile(key) if key is not None else None, self.compile(value))
                for key, value in zip(node.keys, node.values, strict=True)
            ]
        )

    # Comprehensions

    def _clauses(self, generators: list[ast.comprehension], *elements: ast.expr) -> tuple[list[Clause], list[Code]]:
        outer_variables, outer_cost = dict(self._variables), self.cost
        clauses: list[Clause] = []
        for index, generator in enumerate(generators):
            if generator.is_async:
                raise UnsupportedFeature("async is not supported")
            iterable = self.compile(generator.iter)
            if index:
                # Evaluated once for each turn of the clause before.
                clauses[-1].cost += self.cost - outer_cost
                self.cost = outer_cost
            else:
                outer_cost = self.cost
            bind = self._target(generator.target)
            conditions = [self.compile(test) for test in generator.ifs]
            clauses.append(Clause(iterable, bind, conditions, 1 + self.cost - outer_cost))
            self.cost = outer_cost
        codes = [self.compile(element) for element in elements]
        clauses[-1].cost += self.cost - outer_cost
        self.cost = outer_cost
        self._variables = outer_variables
        return clauses, codes

    def _target(self, node: ast.expr) -> Callable[[Frame, Value], None]:
        if isinstance(node, ast.Name):
            self.cost += 1
            self._variables[node.id] = self.slots
            self.slots += 1
            return bind_name(self._variables[node.id])
        if isinstance(node, ast.Tuple | ast.List):
            return bind_names([self._target(part) for part in node.elts])
        raise UnsupportedFeature("only names and tuples of names can follow `for`")

    def list_comprehension(self, node: ast.ListComp) -> Code:
        self.facts.is_literal = False
        clauses, (element,) = self._clauses(node.generators, node.elt)
        return list_code(clauses, element)

    def generator_expression(self, node: ast.GeneratorExp) -> Code:
        self.facts.is_literal = False
        clauses, (element,) = self._clauses(node.generators, node.elt)
        return generator_code(clauses, element)

    def dict_comprehension(self, node: ast.DictComp) -> Code:
        self.facts.is_literal = self.facts.is_light = False
        clauses, (key, value) = self._clauses(node.generators, node.key, node.value)
        return mapping_code(clauses, key, value)

    # f-strings

    def joined_text(self, node: ast.JoinedStr) -> Code:
        parts = [self.compile(value) for value in node.values]
        return lambda frame: formatting.join_pieces([part(frame) for part in parts], frame.budget)

    def formatted(self, node: ast.FormattedValue) -> Code:
        value = self.compile(node.value)
        if node.conversion < 0 and node.format_spec is None:
            return lambda frame: formatting.format_value(value(frame), "", frame.budget)
        conversion = chr(node.conversion) if node.conversion > 0 else ""
        specification = self._optional(node.format_spec)

        def run(frame: Frame) -> str:
            found = value(frame)
            if conversion:
                found = formatting.convert(found, conversion, frame.budget)
            return formatting.format_value(found, specification(frame) or "", frame.budget)

        return run

    def issue(self, issue_type: str, message: str) -> None:
        if (issue_type, message) not in self.facts.issues:
            self.facts.issues.append((issue_type, message))


_NODES: dict[type[ast.expr], Callable[[Compiler, Any], Code]] = {
    ast.Constant: Compiler.constant,
    ast.Name: Compiler.name,
    ast.BinOp: Compiler.binary,
    ast.UnaryOp: Compiler.unary,
    ast.BoolOp: Compiler.boolean,
    ast.Compare: Compiler.compare,
    ast.IfExp: Compiler.ternary,
    ast.Attribute: Compiler.attribute,
    ast.Subscript: Compiler.subscript,
    ast.Call: Compiler.call,
    ast.List: Compiler.list_display,
    ast.Tuple: Compiler.tuple_display,
    ast.Set: Compiler.set_display,
    ast.Dict: Compiler.dict_display,
    ast.ListComp: Compiler.list_comprehension,
    ast.GeneratorExp: Compiler.generator_expression,
    ast.DictComp: Compiler.dict_comprehension,
    ast.JoinedStr: Compiler.joined_text,
    ast.FormattedValue: Compiler.formatted,
    Known: Compiler.known,
    Compiled: Compiler.compiled,
}
