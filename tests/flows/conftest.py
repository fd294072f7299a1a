"""Programs run on a database that knows the table of states."""

from collections.abc import Iterator

import pytest

from tests.branch_edges import refusing_unknown_edges


@pytest.fixture(autouse=True)
def known_edges(db: None) -> Iterator[None]:
    """No branch changes its status in a way the table does not have."""
    with refusing_unknown_edges():
        yield
