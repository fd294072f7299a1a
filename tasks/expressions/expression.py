"""Compiled expressions: what callers hold, and the bounded cache in front of the compiler."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tasks.expressions import access, operators
from tasks.expressions.compiling.cache import SourceCache
from tasks.expressions.compiling.compiler import Compiler
from tasks.expressions.compiling.source import parse
from tasks.expressions.comprehensions import Code, Frame
from tasks.expressions.errors import EvaluationError, ExpressionError, LimitExceeded
from tasks.expressions.limits import MAX_SOURCE, Budget
from tasks.expressions.measure import to_plain
from tasks.expressions.values import Json, Scope

# What our own operators and functions raise for bad values. Anything else is a bug or comes from the caller's store.
_RUN_TIME_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True)
class ExpressionIssue:
    """A static warning: `unsafe_operations` or `potential_runtime_errors`."""

    issue_type: str
    message: str


Result = TypeVar("Result")


def run_bounded(run: Callable[[Budget], Result], budget: Budget, source: str) -> Result:
    """Run on the budget's clock; failures come out as `EvaluationError` with the source."""
    is_outermost = budget.start_clock()
    try:
        result = run(budget)
        budget.grow(0)
        return result
    except ExpressionError as error:
        error.source = error.source or source
        raise
    except _RUN_TIME_ERRORS as error:
        raise EvaluationError(_message(error), type=type(error).__name__, source=source) from error
    except (RecursionError, MemoryError) as error:
        raise LimitExceeded("the expression needs too much memory or depth", source=source) from error
    finally:
        if is_outermost:
            budget.stop_clock()


def _message(error: Exception) -> str:
    if isinstance(error, KeyError) and error.args:
        return f"there is no key {access.shorten(error.args[0])}"
    return str(error)[:500] or type(error).__name__


@dataclass(frozen=True)
class Expression:
    """One compiled expression. It holds no state of its own, so threads may share it."""

    source: str
    names: frozenset[str]
    lookups: frozenset[tuple[str, str | int]]
    functions_called: frozenset[str]
    functions_named: frozenset[str]
    modules_named: frozenset[str]
    module_attributes: frozenset[str]
    constants_named: frozenset[str]
    is_literal: bool
    is_light: bool
    issues: tuple[ExpressionIssue, ...]
    _code: Code = field(repr=False, compare=False)
    _cost: int = field(repr=False, compare=False)
    _slots: int = field(repr=False, compare=False)

    def mentions(self, names: Iterable[str]) -> bool:
        """Whether the expression reads any of the names."""
        return not self.names.isdisjoint(names)

    def evaluate(self, scope: Scope, budget: Budget | None = None) -> Json:
        """The value as plain JSON; raises `EvaluationError`."""

        def run(budget: Budget) -> Json:
            budget.charge(self._cost)
            return to_plain(self._code(Frame(scope, budget, [None] * self._slots)), budget)

        return run_bounded(run, budget or Budget(), self.source)

    def holds(self, scope: Scope, budget: Budget) -> bool:
        """Whether the value is true, whatever it is: a match and a set count although they are no JSON."""

        def run(budget: Budget) -> bool:
            budget.charge(self._cost)
            return operators.is_true(self._code(Frame(scope, budget, [None] * self._slots)))

        return run_bounded(run, budget, self.source)


def _compile(source: str) -> Expression:
    try:
        tree = parse(source)
        compiler = Compiler()
        code = compiler.compile(tree)
    except ExpressionError as error:
        error.source = source
        raise
    except (RecursionError, MemoryError):
        raise LimitExceeded("the expression is nested too deep", source=source) from None
    facts = compiler.facts
    return Expression(
        source=source,
        names=frozenset(facts.names),
        lookups=frozenset(facts.lookups),
        functions_called=frozenset(facts.functions_called),
        functions_named=frozenset(facts.functions_named),
        modules_named=frozenset(facts.modules_named),
        module_attributes=frozenset(facts.module_attributes),
        constants_named=frozenset(facts.constants_named),
        is_literal=facts.is_literal,
        is_light=facts.is_light,
        issues=tuple(ExpressionIssue(*issue) for issue in facts.issues),
        _code=code,
        _cost=compiler.cost,
        _slots=compiler.slots,
    )


_cache: SourceCache[Expression] = SourceCache(_compile, max_entries=2_000, max_characters=16 * MAX_SOURCE)


def compile_expression(source: str) -> Expression:
    """Parse and check an expression; the answer is cached.

    Raises `ExpressionSyntaxError`, `UnsupportedFeature`, or `LimitExceeded` for text that is too long or too deep.
    """
    return _cache.get(source)
