"""Programs run on a database that knows the table of states."""

import pytest

from tests.branch_edges import refuse_unknown_edges


@pytest.fixture(autouse=True)
def known_edges(db: None) -> None:
    """No branch changes its status in a way the table does not have."""
    refuse_unknown_edges()
