"""What a process holds, and how it gives that back."""

from threading import Event
from typing import Any

from julep_project.core.work.renewing import Renewer


def _keeper(given: list[list[str]]) -> Renewer[str]:
    return Renewer("test", lambda held: None, lambda held: given.append(sorted(held)))


def test_what_is_to_come_last_is_given_back_last() -> None:
    given: list[list[str]] = []
    keeper = _keeper(given)
    with keeper.holding("call"), keeper.holding("payment", last=True):
        keeper.hand_back(last=False)
        assert (given, keeper.counts) == ([["call"]], (1, 1))
        keeper.hand_back(last=True)
        assert (given, keeper.counts) == ([["call"], ["payment"]], (0, 2))
    assert keeper.counts == (0, 0)


def test_what_has_ended_is_not_given_back() -> None:
    given: list[list[str]] = []
    keeper = _keeper(given)
    with keeper.holding("call"):
        pass
    keeper.hand_back(last=True)
    assert given == []


def test_what_was_given_back_is_not_renewed() -> None:
    renewed: list[str] = []
    keeper: Renewer[str] = Renewer("test", renewed.extend, lambda held: None)
    with keeper.holding("call"), keeper.holding("payment", last=True):
        keeper.hand_back(last=False)
        keeper.renew()
    assert renewed == ["payment"]


def test_whatever_goes_wrong_it_goes_on_renewing(settings: Any) -> None:
    settings.LEASE_SECONDS = 0.01
    tried: list[str] = []
    renewed = Event()

    def renew(held: list[str]) -> None:
        tried.extend(held)
        if len(tried) == 1:
            raise LookupError
        renewed.set()

    with Renewer("test", renew, lambda held: None).holding("call"):
        assert renewed.wait(30)
