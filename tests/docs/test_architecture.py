"""The diagrams in the architecture page are those of the state table."""

import re
from pathlib import Path

import pytest

from executions import states

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


@pytest.mark.parametrize(
    ("name", "diagram"), [("execution", states.execution_diagram()), ("branch", states.branch_diagram())]
)
def test_the_page_shows_the_diagram_made_from_the_table(name: str, diagram: str) -> None:
    shown = re.search(rf"<!-- {name} diagram -->\n```mermaid\n(.*?)\n```", PAGE.read_text(), re.DOTALL)

    assert shown is not None
    assert shown.group(1) == diagram


def test_every_status_has_a_way_out_or_is_final() -> None:
    for status in states.BranchStatus:
        assert (status in states.FINAL_BRANCH) == (not states.BRANCH_EDGES[status])


def test_nothing_follows_the_last_transition() -> None:
    for kind, following in states.MAY_FOLLOW.items():
        ends = kind is not None and states.STATUS_AFTER[kind] in states.TERMINAL_EXECUTION
        assert ends == (not following)
