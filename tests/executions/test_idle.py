"""What an installation costs that has nothing to do."""

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from docs_store.model_coverage import cover_model, register_model
from executions.operating.workers import EVERY_S, Told, beat
from julep_project.core.work.keeper import KEEPERS

# Statements that those which come every few seconds may send together, per second.
MOST_PER_S = 2.5


def _statements(task: str) -> int:
    with CaptureQueriesContext(connection) as sent:
        current_app.tasks[task].run()
    return len(sent)


@pytest.fixture
def idle(db: None) -> None:
    """The embedding model is known, as after the first sweep."""
    register_model(settings.EMBEDDING_MODEL)
    assert cover_model(settings.EMBEDDING_MODEL)


def test_sweeps_that_find_nothing_send_few_statements(idle: None) -> None:
    current_app.loader.import_default_modules()
    often = [keeper for keeper in KEEPERS.values() if keeper.every_s < 60 and keeper.when is None]
    assert len(often) >= 4
    sent = {keeper.name: _statements(keeper.name) / keeper.every_s for keeper in often}
    # Each of three workers tells of itself.
    told = Told(name="io@host", queues=["io"], release="r", pid=1)
    with CaptureQueriesContext(connection) as beats:
        beat(told)
    sent["heartbeats"] = 3 * len(beats) / EVERY_S
    assert sum(sent.values()) <= MOST_PER_S, sent
