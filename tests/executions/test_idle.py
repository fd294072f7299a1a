"""What an installation costs that has nothing to do."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from docs_store.model_coverage import cover_model, register_model
from executions.operating.workers import EVERY_S, Told, beat
from julep_project.core.work import rings
from julep_project.core.work.keeper import KEEPERS, send_wanted

MINUTE_S = 60
# Statements of a minute in which there is nothing to do.
MOST = 100


def _statements(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as sent:
        work()
    return len(sent)


def _minute() -> Iterator[tuple[str, Callable[[], object]]]:
    """What is done in one, in no time: what beat sends, and what three workers tell of themselves."""
    for name, keeper in KEEPERS.items():
        if keeper.when is None and name != "core.send_wanted":
            yield from [(name, current_app.tasks[name].run)] * int(MINUTE_S / keeper.every_s)
    for at_s in range(0, MINUTE_S, settings.SWEEP_SECONDS):
        yield "core.send_wanted", partial(send_wanted, partial(float, at_s))
    told = Told(name="io@host", queues=["io"], release="r", pid=1)
    yield from [("heartbeats", partial(beat, told))] * int(3 * MINUTE_S / EVERY_S)


@pytest.fixture
def idle(db: None) -> None:
    """The embedding model is known, as after the first sweep."""
    register_model(settings.EMBEDDING_MODEL)
    assert cover_model(settings.EMBEDDING_MODEL)


def test_a_minute_without_work_takes_few_statements(idle: None, monkeypatch: pytest.MonkeyPatch) -> None:
    current_app.loader.import_default_modules()
    wanted: list[str] = []
    monkeypatch.setattr(rings, "send", lambda name, *, expires_s: wanted.append(name))
    sent: Counter[str] = Counter()
    for name, work in _minute():
        sent[name] += _statements(work)
    assert sent["core.send_wanted"] == MINUTE_S / settings.SWEEP_SECONDS
    assert sum(sent.values()) <= MOST, sent
    assert wanted == []
