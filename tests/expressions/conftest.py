"""Short ways to run expressions and templates."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.expressions.expression import compile_expression
from tasks.expressions.templates.templates import compile_template


@pytest.fixture
def evaluate() -> Callable[..., Any]:
    return lambda source, **scope: compile_expression(source).evaluate(scope)


@pytest.fixture
def render() -> Callable[..., str]:
    return lambda source, **scope: compile_template(source).render(scope)
