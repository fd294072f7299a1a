"""The measurement of searches gives its rows and counts right; how fast they are is nobody's business here."""

import pytest

from docs_store import vector_index
from docs_store.search import vector
from julep_project.bench import documents


@pytest.mark.django_db(transaction=True)
def test_searches_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_index, "WORTH_AN_INDEX", 100)
    monkeypatch.setattr(vector, "EXACT_VECTORS", 100)
    try:
        rows = documents.measure(1200, 3)
    finally:
        vector_index.drop_index("offline/hashing")
    assert len(rows) == 20
    recalls = [row.here for row in rows if row.what.startswith("recall")]
    assert recalls[0] == 1 and 0.5 < recalls[1] <= 1
    assert all(row.here > 0 for row in rows)
