"""All filters and tests of templates; importing this fills the tables."""

from tasks.expressions.templates import template_item_filters, template_tests, template_text_filters
from tasks.expressions.templates.template_lookup import FILTERS, TESTS, apply_filter, apply_test, template_item

for _alias, _name in (("d", "default"), ("count", "length"), ("e", "escape"), ("forceescape", "escape")):
    FILTERS.functions[_alias] = FILTERS.functions[_name]


__all__ = [
    "FILTERS",
    "TESTS",
    "apply_filter",
    "apply_test",
    "template_item",
    "template_item_filters",
    "template_tests",
    "template_text_filters",
]
