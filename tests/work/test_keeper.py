"""Recurring work that hangs keeps one thread, however often it is called for."""

from threading import Event, Thread

import pytest
from django.db import connection, transaction

from docs_store.models import Ingestion
from julep_project.core.database import execute
from julep_project.core.work import keeper as table
from julep_project.core.work import rings
from julep_project.core.work.keeper import Keeper, any_of, send_wanted
from tests.outages import locked

# Only a failing test waits this long.
LONG_S = 30


def test_work_under_way_is_not_begun_again() -> None:
    begun, release = Event(), Event()
    calls: list[int] = []

    def hang() -> None:
        calls.append(1)
        begun.set()
        release.wait(LONG_S)

    keeper = Keeper("hangs", 1, hang)
    first = Thread(target=keeper.run)
    first.start()
    assert begun.wait(LONG_S)
    keeper.run()
    keeper.run()
    assert len(calls) == 1

    release.set()
    first.join()
    keeper.run()
    assert len(calls) == 2


def test_work_that_raised_is_begun_again() -> None:
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise LookupError

    keeper = Keeper("fails", 1, fail)
    for _ in range(2):
        with pytest.raises(LookupError):
            keeper.run()
    assert len(calls) == 2


def test_different_work_goes_on_beside_it() -> None:
    begun, release = Event(), Event()
    done: list[str] = []

    def hang() -> None:
        begun.set()
        release.wait(LONG_S)

    first = Thread(target=Keeper("hangs", 1, hang).run)
    first.start()
    assert begun.wait(LONG_S)
    Keeper("works", 1, lambda: done.append("other")).run()
    release.set()
    first.join()
    assert done == ["other"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the upkeep that is sent for: of one that is wanted, one that is not, and one that finds no ingestion."""
    wishes = {"wanted": ("%s", [True]), "not": ("%s", [False]), "none": any_of(Ingestion.objects.all())}
    keepers = {name: Keeper(name, 2, bool, when=lambda wish=wish: wish) for name, wish in wishes.items()}
    names: list[str] = []
    monkeypatch.setattr(table, "KEEPERS", {**keepers, "always": Keeper("always", 2, bool)})
    monkeypatch.setattr(rings, "send", lambda name, *, expires_s: names.append(name))
    return names


def test_one_statement_says_what_there_is_to_do(
    sent: list[str], db: None, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    with django_assert_num_queries(1):
        send_wanted()
    assert sent == ["wanted"]


@pytest.mark.parametrize(("every_s", "asked_at"), [(2, [0, 2, 4, 6, 8, 10]), (5, [0, 4, 8]), (10, [0, 10])])
def test_none_is_asked_for_much_more_often_than_it_is_to_come(
    sent: list[str], db: None, monkeypatch: pytest.MonkeyPatch, every_s: int, asked_at: list[int]
) -> None:
    times: list[float] = []
    asked: list[float] = []

    def when() -> tuple[str, list[bool]]:
        asked.append(times[-1])
        return "%s", [False]

    monkeypatch.setattr(table, "KEEPERS", {"one": Keeper("one", every_s, bool, when=when)})
    for now in range(0, 12, 2):
        times.append(now)
        send_wanted(lambda: times[-1])
    assert asked == asked_at


def test_a_table_that_is_not_there_keeps_no_other_from_being_looked_after(
    sent: list[str], transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = Keeper("missing", 2, bool, when=lambda: ("EXISTS (SELECT FROM of_no_version_yet)", []))
    monkeypatch.setitem(table.KEEPERS, "missing", missing)
    send_wanted()
    assert sent == ["wanted", "missing"]


def test_while_it_cannot_be_told_all_is_done(sent: list[str], transactional_db: None) -> None:
    with locked(Ingestion._meta.db_table), transaction.atomic(), connection.cursor():
        execute("SET LOCAL lock_timeout = '50ms'")
        send_wanted()
        transaction.set_rollback(True)
    assert sent == ["wanted", "not", "none"]
