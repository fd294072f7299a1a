"""The cache of compiled sources is bounded and shared."""

from tasks.expressions import expression as expression_module
from tasks.expressions.compiling.cache import SourceCache
from tasks.expressions.expression import compile_expression
from tasks.expressions.templates import templates as templates_module
from tasks.expressions.templates.templates import compile_template


def test_the_same_text_is_compiled_once():
    assert compile_expression("1 + 41") is compile_expression("1 + 41")
    assert compile_template("{{ 1 + 41 }}") is compile_template("{{ 1 + 41 }}")


def test_bounded_in_number():
    cache = SourceCache(str.upper, max_entries=10, max_characters=1_000)
    for number in range(100):
        cache.get(f"text {number}")
    assert len(cache) == 10


def test_bounded_in_characters():
    cache = SourceCache(str.upper, max_entries=1_000, max_characters=100)
    for number in range(50):
        cache.get(str(number) * 20)
    assert cache.characters <= 100


def test_recently_used_entries_stay():
    compiled = []
    cache = SourceCache(lambda text: compiled.append(text) or text, max_entries=2, max_characters=100)
    for text in ("a", "b", "a", "c", "a"):
        cache.get(text)
    assert compiled == ["a", "b", "c"]


def test_growth_under_many_sources():
    for number in range(3_000):
        compile_expression(f"{number} + {number}")
        compile_template(f"{number}")
    assert len(expression_module._cache) <= 2_000
    assert len(templates_module._cache) <= 1_000
