"""Pages are measured; how fast they are is nobody's business here."""

from typing import Any

import pytest

from julep_project.bench import pages
from tests.api_client import API_KEY
from tests.backend import Backend, database_url


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_page_is_measured(backend: Backend, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.AGENTS_API_KEY = API_KEY
    given = {"DATABASE_URL": database_url(), "REDIS_URL": settings.REDIS_URL, "AGENTS_API_KEY": API_KEY}
    for name, value in {**given, "SECRET_KEY": settings.SECRET_KEY}.items():
        monkeypatch.setenv(name, value)
    rows = pages.measure(runs=40, times=1, long=(20, 1200))
    assert len(rows) == 54
    assert all(row.here > 0 for row in rows)
