"""Folding an expression over many items: `results + [_]` costs what it adds, not what is there already.

Between the items `results` is plain JSON that belongs to the fold alone, so a turn that only adds to it changes it in
place. Whatever a turn adds is made plain first, and shares nothing with `results`.
"""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tasks.expressions import operators
from tasks.expressions.compiling.cache import SourceCache
from tasks.expressions.compiling.compiler import Compiler
from tasks.expressions.compiling.source import parse
from tasks.expressions.comprehensions import Code, Frame
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.expression import run_bounded
from tasks.expressions.limits import MAX_ITEMS, MAX_SOURCE, Budget
from tasks.expressions.measure import to_plain
from tasks.expressions.values import Json, Scope, Value

RESULTS = "results"
ITEM = "_"

Turn: TypeAlias = Callable[[Frame, Json], Json]


@dataclass(frozen=True)
class Fold:
    """One compiled reduction. It holds no state of its own, so threads may share it."""

    source: str
    _turn: Turn = field(repr=False, compare=False)
    _cost: int = field(repr=False, compare=False)
    _slots: int = field(repr=False, compare=False)

    def over(self, items: Sequence[Json], initial: Json, scope: Scope, budget: Budget) -> Json:
        """What is left of `results` after the last item; raises `EvaluationError`."""

        def run(budget: Budget) -> Json:
            names = dict(scope)
            results = to_plain(initial, budget)
            for item in items:
                budget.charge(self._cost)
                names[ITEM], names[RESULTS] = item, results
                results = self._turn(Frame(names, budget, [None] * self._slots), results)
            return to_plain(results, budget)

        return run_bounded(run, budget, self.source)


def _compile(source: str) -> Fold:
    compiler = Compiler()
    turn = _compile_turn(parse(source), compiler)
    return Fold(source, turn, compiler.cost, compiler.slots)


def _compile_turn(node: ast.expr, compiler: Compiler) -> Turn:
    """What one item makes of the results. Forms that only add to them are told apart; the rest is computed anew."""
    match node:
        case ast.Name(id=name) if name == RESULTS:
            return lambda frame, results: results
        case ast.IfExp():
            test = compiler.compile(node.test)
            then, otherwise = _compile_turn(node.body, compiler), _compile_turn(node.orelse, compiler)
            return lambda frame, results: (then if operators.is_true(test(frame)) else otherwise)(frame, results)
        case ast.BinOp(left=ast.Name(id=name), op=ast.Add()) if name == RESULTS:
            return _appending(compiler.compile(node.right))
        case ast.List(elts=[ast.Starred(value=ast.Name(id=name)), *more]) if name == RESULTS:
            added = compiler.compile(ast.List(elts=more, ctx=ast.Load()))
            return _extending(added, list, compiler.compile(node))
        case ast.Dict(keys=[None, *keys], values=[ast.Name(id=name), *values]) if name == RESULTS:
            added = compiler.compile(ast.Dict(keys=keys, values=values))
            return _extending(added, dict, compiler.compile(node))
    return _computing(compiler.compile(node))


def _computing(code: Code) -> Turn:
    return lambda frame, results: to_plain(code(frame), frame.budget)


def _appending(right: Code) -> Turn:
    """`results + more`."""

    def turn(frame: Frame, results: Json) -> Json:
        more = right(frame)
        if type(results) is list and type(more) is list:
            return _grown(results, to_plain(more, frame.budget), frame.budget)
        return to_plain(operators.add(results, more, frame.budget), frame.budget)

    return turn


def _extending(added: Code, kind: type, whole: Code) -> Turn:
    """`[*results, more]` and `{**results, key: more}`."""

    def turn(frame: Frame, results: Json) -> Json:
        if type(results) is kind:
            return _grown(results, to_plain(added(frame), frame.budget), frame.budget)
        return to_plain(whole(frame), frame.budget)

    return turn


def _grown(results: Value, more: Value, budget: Budget) -> Value:
    if len(results) + len(more) > MAX_ITEMS:
        raise LimitExceeded(f"a collection may have at most {MAX_ITEMS:,} items")
    budget.charge(1 + len(more))
    if type(results) is list:
        budget.grow(8 * len(more))
        results.extend(more)
    else:
        budget.grow(100 * len(more))
        results.update(more)
    return results


_cache: SourceCache[Fold] = SourceCache(_compile, max_entries=500, max_characters=8 * MAX_SOURCE)


def compile_fold(source: str) -> Fold:
    """The fold of an expression that `compile_expression` accepts; the answer is cached."""
    return _cache.get(source)
