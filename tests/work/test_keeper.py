"""Recurring work that hangs keeps one thread, however often it is called for."""

from threading import Event, Thread

import pytest

from julep_project.core.work.keeper import Keeper

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
