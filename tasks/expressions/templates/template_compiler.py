"""The blocks of templates: from Jinja's syntax tree to closures.

Jinja reads the notation; nothing of its code generator or run time is used, so a template can do exactly what the
table at the end, and the compiler of expressions, list. Cost is known per block and charged each time the block runs.
"""

import ast
from collections.abc import Callable
from functools import partial
from typing import Any

from jinja2 import nodes

from tasks.expressions import access, operators
from tasks.expressions.compiling.node_tables import Compiled
from tasks.expressions.comprehensions import Code
from tasks.expressions.errors import TemplateSyntaxError, UnsupportedFeature
from tasks.expressions.measure import text_of
from tasks.expressions.templates.template_expressions import TemplateExpressions
from tasks.expressions.templates.template_tree import lowered, unsupported
from tasks.expressions.templates.template_values import CALLER, Loop, Macro, Namespace, Output, Statement, TemplateFrame
from tasks.expressions.values import Value, fail, take_list


class _Break(Exception):
    """Control flow of `{% break %}`; never leaves its loop."""


class _Continue(Exception):
    """Control flow of `{% continue %}`."""


class TemplateCompiler(TemplateExpressions):
    """Compiles one template: its blocks, and the expressions in them."""

    def __init__(self) -> None:
        super().__init__()
        self._loop_depth = 0

    def block(self, body: list[nodes.Node]) -> Statement:
        statements = [self.statement(node) for node in body]

        def run(frame: TemplateFrame, output: Output) -> None:
            for statement in statements:
                statement(frame, output)

        return run

    def statement(self, node: nodes.Node) -> Statement:
        self.line = node.lineno
        handler = _STATEMENTS.get(type(node))
        if handler is None:
            unsupported(node)
        self.enter()
        run = handler(self, node)
        self._depth -= 1
        line = node.lineno

        def at_line(frame: TemplateFrame, output: Output) -> None:
            frame.line = line
            run(frame, output)

        return at_line

    def output(self, node: nodes.Output) -> Statement:
        parts = [(part.lineno, self._output_part(part)) for part in node.nodes]

        def run(frame: TemplateFrame, output: Output) -> None:
            for line, part in parts:
                frame.line = line
                output.write(part if isinstance(part, str) else text_of(part(frame), frame.budget))

        return run

    def _output_part(self, node: nodes.Expr) -> str | Code:
        return node.data if isinstance(node, nodes.TemplateData) else self.expression(node)

    def condition(self, node: nodes.If) -> Statement:
        arms = [(self.expression(arm.test), self.block(arm.body)) for arm in (node, *node.elif_)]
        otherwise = self.block(node.else_)

        def run(frame: TemplateFrame, output: Output) -> None:
            for test, body in arms:
                if operators.is_true(test(frame)):
                    return body(frame, output)
            return otherwise(frame, output)

        return run

    def loop(self, node: nodes.For) -> Statement:
        if node.recursive:
            raise UnsupportedFeature("recursive loops are not supported")
        iterable = self.expression(node.iter)
        names = _target_names(node.target)
        bind, bind_cost = self._costed(lambda: self._binder(node.target))
        wanted = node.test or nodes.Const(True, lineno=node.lineno)
        test, test_cost = self._costed(lambda: self._scoped(set(names), lambda: self.expression(wanted)))
        self._loop_depth += 1
        depth = self._loop_depth
        body, cost = self._costed(lambda: self._scoped({*names, "loop"}, lambda: self.block(node.body)))
        self._loop_depth -= 1
        otherwise = self.block(node.else_)

        def kept(frame: TemplateFrame, item: Value) -> bool:
            frame.budget.charge(bind_cost + test_cost)
            frame.variables.append({})
            bind(frame, item)
            found = operators.is_true(test(frame))
            frame.variables.pop()
            return found

        def run(frame: TemplateFrame, output: Output) -> None:
            items = take_list(iterable(frame), frame.budget)
            if node.test is not None:
                items = [item for item in items if kept(frame, item)]
            if not items:
                return otherwise(frame, output)
            return _run_loop(frame, output, Loop(items, depth), bind, body, bind_cost + cost)

        return run

    def _binder(self, target: nodes.Node) -> Callable[[TemplateFrame, Value], None]:
        if isinstance(target, nodes.Name):
            self.cost += 1
            name = target.name
            return lambda frame, value: frame.variables[-1].__setitem__(name, value)
        if isinstance(target, nodes.Tuple):
            parts = [self._binder(part) for part in target.items]

            def bind(frame: TemplateFrame, value: Value) -> None:
                for part, item in zip(parts, access.unpack(value, len(parts), frame.budget), strict=True):
                    part(frame, item)

            return bind
        if isinstance(target, nodes.NSRef):
            return self._namespace_binder(target)
        raise UnsupportedFeature("only names can be set")

    def _namespace_binder(self, target: nodes.NSRef) -> Callable[[TemplateFrame, Value], None]:
        namespace = self.read(target.name)
        attribute = target.attr

        def bind(frame: TemplateFrame, value: Value) -> None:
            found = namespace(frame)
            if type(found) is not Namespace:
                fail("TypeError", f"{target.name} is not a namespace, so {target.name}.{attribute} cannot be set")
            found.values[attribute] = value

        return bind

    def assignment(self, node: nodes.Assign) -> Statement:
        value = self.expression(node.node)
        bind = self._binder(node.target)
        self._declared[-1] |= _target_names(node.target)
        return lambda frame, output: bind(frame, value(frame))

    def block_assignment(self, node: nodes.AssignBlock) -> Statement:
        body = self._captured(node.body, node.filter)
        bind = self._binder(node.target)
        self._declared[-1] |= _target_names(node.target)
        return lambda frame, output: bind(frame, body(frame))

    def filter_block(self, node: nodes.FilterBlock) -> Statement:
        body = self._captured(node.body, node.filter)
        return lambda frame, output: output.write(text_of(body(frame), frame.budget))

    def _captured(self, nodes_of_body: list[nodes.Node], filters: nodes.Filter | None) -> Code:
        """A block whose text goes through filters instead of to the output."""
        body = self._scoped(set(), lambda: self.block(nodes_of_body))

        def text(frame: Any) -> str:
            own = Output(frame.budget)
            with_scope(frame, {}, lambda: body(frame, own))
            return own.text()

        return text if filters is None else self.expression(filters, Compiled(text))

    def with_block(self, node: nodes.With) -> Statement:
        values = [self.expression(value) for value in node.values]
        binders = [self._binder(target) for target in node.targets]
        names = {name for target in node.targets for name in _target_names(target)}
        body = self._scoped(names, lambda: self.block(node.body))

        def run(frame: TemplateFrame, output: Output) -> None:
            found = [value(frame) for value in values]

            def inside() -> None:
                for bind, value in zip(binders, found, strict=True):
                    bind(frame, value)
                body(frame, output)

            with_scope(frame, {}, inside)

        return run

    def macro(self, node: nodes.Macro) -> Statement:
        macro = self._macro(node, node.name)
        self._declared[-1].add(node.name)
        return lambda frame, output: frame.variables[-1].__setitem__(macro.name, macro.function(frame))

    def _macro(self, node: nodes.Macro | nodes.CallBlock, name: str) -> Macro:
        parameters, default_cost = self._costed(lambda: self._parameters(node))
        names = {*parameters, CALLER, name}
        outer_loops, self._loop_depth = self._loop_depth, 0
        body, cost = self._costed(lambda: self._scoped(names, lambda: self.block(node.body)))
        self._loop_depth = outer_loops
        return Macro(name, parameters, body, default_cost + cost)

    def _parameters(self, node: nodes.Macro | nodes.CallBlock) -> dict[str, Code | None]:
        """Names of a macro's parameters; a default is computed at each call, and sees the parameters before it."""
        parameters: dict[str, Code | None] = {}
        without = len(node.args) - len(node.defaults)
        for place, argument in enumerate(node.args):
            code = None
            if place >= without:
                code = self._scoped({*parameters}, partial(self.expression, node.defaults[place - without]))
            parameters[argument.name] = code
        return parameters

    def call_block(self, node: nodes.CallBlock) -> Statement:
        caller = Compiled(self._macro(node, CALLER).function)
        tree = lowered(node.call)
        assert isinstance(tree, ast.Call)
        tree.keywords.append(ast.keyword(CALLER, caller))
        text = self.compile(tree)
        return lambda frame, output: output.write(text_of(text(frame), frame.budget))

    def expression_statement(self, node: nodes.ExprStmt) -> Statement:
        value = self.expression(node.node)

        def run(frame: TemplateFrame, output: Output) -> None:
            value(frame)

        return run

    def stop_loop(self, node: nodes.Node) -> Statement:
        if not self._loop_depth:
            raise TemplateSyntaxError("break and continue stand inside a loop", line=node.lineno)
        signal = _Break if isinstance(node, nodes.Break) else _Continue

        def run(frame: TemplateFrame, output: Output) -> None:
            raise signal

        return run


def _target_names(target: nodes.Node) -> set[str]:
    if isinstance(target, nodes.Name):
        return {target.name}
    if isinstance(target, nodes.Tuple):
        return {name for part in target.items for name in _target_names(part)}
    return set()


def with_scope(frame: TemplateFrame, variables: dict[str, Value], run: Callable[[], None]) -> None:
    """Run with another innermost block of variables."""
    frame.variables.append(variables)
    try:
        run()
    finally:
        frame.variables.pop()


def _run_loop(
    frame: TemplateFrame,
    output: Output,
    loop: Loop,
    bind: Callable[[TemplateFrame, Value], None],
    body: Statement,
    cost: int,
) -> None:
    level = len(frame.variables)
    for index, item in enumerate(loop.items):
        frame.budget.charge(1 + cost)
        loop.index0 = index
        frame.variables.append({"loop": loop})
        try:
            bind(frame, item)
            body(frame, output)
        except _Continue:
            continue
        except _Break:
            break
        finally:
            del frame.variables[level:]


_STATEMENTS: dict[type[nodes.Node], Callable[[TemplateCompiler, Any], Statement]] = {
    nodes.Output: TemplateCompiler.output,
    nodes.If: TemplateCompiler.condition,
    nodes.For: TemplateCompiler.loop,
    nodes.Assign: TemplateCompiler.assignment,
    nodes.AssignBlock: TemplateCompiler.block_assignment,
    nodes.FilterBlock: TemplateCompiler.filter_block,
    nodes.With: TemplateCompiler.with_block,
    nodes.Macro: TemplateCompiler.macro,
    nodes.CallBlock: TemplateCompiler.call_block,
    nodes.ExprStmt: TemplateCompiler.expression_statement,
    nodes.Break: TemplateCompiler.stop_loop,
    nodes.Continue: TemplateCompiler.stop_loop,
}
