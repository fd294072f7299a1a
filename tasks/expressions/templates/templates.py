"""Templates in Jinja's notation, rendered by our own interpreter on the same budget as expressions."""

from dataclasses import dataclass, field

import jinja2
from jinja2 import nodes

from tasks.expressions.compiling.cache import SourceCache
from tasks.expressions.errors import EvaluationError, ExpressionError, LimitExceeded, TemplateSyntaxError
from tasks.expressions.expression import ExpressionIssue, run_bounded
from tasks.expressions.limits import MAX_TEMPLATE_SOURCE, MAX_TEMPLATE_TOKENS, Budget
from tasks.expressions.measure import to_plain
from tasks.expressions.templates.template_compiler import TemplateCompiler
from tasks.expressions.templates.template_values import Output, Statement, TemplateFrame
from tasks.expressions.values import Scope

# Only its lexer and parser are used: no filters, no globals, no loader, and nothing is ever compiled to Python.
_environment = jinja2.Environment(
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,
    optimized=False,
    extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"],
)


@dataclass(frozen=True)
class Template:
    """One compiled template. It holds no state of its own, so threads may share it."""

    source: str
    names: frozenset[str]
    is_light: bool
    issues: tuple[ExpressionIssue, ...]
    _body: Statement = field(repr=False, compare=False)
    _cost: int = field(repr=False, compare=False)

    def render(self, scope: Scope, budget: Budget | None = None) -> str:
        """The text; raises `EvaluationError` with the line of the statement that failed.

        Missing names and keys are empty and false; reading an attribute or item of one is an error.
        """
        budget = budget or Budget()
        frame = TemplateFrame(scope, budget, [{}])

        def run(budget: Budget) -> str:
            budget.charge(self._cost)
            output = Output(budget)
            self._body(frame, output)
            return str(to_plain(output.text(), budget))

        try:
            return run_bounded(run, budget, self.source)
        except EvaluationError as error:
            error.line = error.line or frame.line
            raise


def parse_template(source: str) -> nodes.Template:
    """The tree of a template; raises what `compile_template` raises."""
    if len(source) > MAX_TEMPLATE_SOURCE:
        raise LimitExceeded(f"a template may have at most {MAX_TEMPLATE_SOURCE:,} characters")
    try:
        for count, _ in enumerate(_environment.lex(source)):
            if count > MAX_TEMPLATE_TOKENS:
                raise LimitExceeded(f"a template may have at most {MAX_TEMPLATE_TOKENS:,} parts")
        return _environment.parse(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateSyntaxError(error.message or "invalid syntax", line=error.lineno) from None
    except (ValueError, OverflowError) as error:
        raise TemplateSyntaxError(str(error), line=1) from None


def _compile(source: str) -> Template:
    compiler = TemplateCompiler()
    try:
        body = compiler.block(parse_template(source).body)
    except ExpressionError as error:
        error.source = source
        error.line = error.line or compiler.line
        raise
    except (RecursionError, MemoryError):
        raise LimitExceeded("the template is nested too deep", source=source) from None
    facts = compiler.facts
    return Template(
        source=source,
        names=frozenset(facts.names),
        is_light=facts.is_light,
        issues=tuple(ExpressionIssue(*issue) for issue in facts.issues),
        _body=body,
        _cost=compiler.cost,
    )


_cache: SourceCache[Template] = SourceCache(_compile, max_entries=1_000, max_characters=4 * MAX_TEMPLATE_SOURCE)


def compile_template(source: str) -> Template:
    """Parse and check a template; the answer is cached.

    Raises `TemplateSyntaxError`, `UnsupportedFeature`, or `LimitExceeded` for text that is too long or too deep.
    """
    return _cache.get(source)
