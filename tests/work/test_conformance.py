"""What every kind of leased work keeps to, whatever happens to its messages, its workers and its tenants."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from agents.models import Agent
from julep_project.core.clock import now
from julep_project.core.work import figures, queued, rings
from julep_project.core.work.lease import Held
from tests.work.clock import pass_time
from tests.work.kinds import (
    Bulks,
    Deliveries,
    Docs,
    Erasures,
    Events,
    EventWaits,
    Ingestions,
    Jobs,
    Kind,
    Messages,
    Responses,
    tenant,
)

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = [Docs, Jobs, Ingestions, Responses, Erasures, Bulks, Deliveries, Events, EventWaits, Messages]
# Those of which one tenant has a bound.
BOUNDED = [Ingestions, Bulks, Deliveries, Messages]
# Longer than any lease, and than a message is given.
LONG_S = 600


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Kind:
    made: Kind = request.param()
    return made


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What messages carried, in the order they were sent."""
    sent: list[Any] = []
    monkeypatch.setattr(rings, "ring", lambda task, *subjects, **_: sent.extend(subjects))
    yield sent


@pytest.fixture
def owner() -> Agent:
    return tenant("owner")


def claimed(kind: Kind, key: Any) -> Held:
    held = kind.leases.claim(key)
    assert held is not None
    return held


def test_a_message_that_comes_again_does_nothing(kind: Kind, owner: Agent) -> None:
    (key,) = kind.make(owner)
    subject = kind.subject(key)
    kind.work(subject)
    assert kind.state(key) == kind.done
    before = kind.row(key).version
    kind.work(subject)
    assert (kind.state(key), kind.row(key).version) == (kind.done, before)


def test_a_message_for_a_row_that_is_gone_does_nothing(kind: Kind, owner: Agent) -> None:
    (key,) = kind.make(owner)
    subject = kind.subject(key)
    kind.leases.model._base_manager.filter(pk=key).delete()
    kind.work(subject)


def test_a_message_that_was_lost_is_sent_again_once(kind: Kind, owner: Agent, rung: list[Any]) -> None:
    (key,) = kind.make(owner)
    subject = kind.subject(key)
    assert (kind.queued.ring_due(), rung) == (1, [subject])
    assert (kind.queued.ring_due(), rung) == (0, [subject])
    pass_time(kind.leases.model, LONG_S)
    assert (kind.queued.ring_due(), rung) == (1, [subject, subject])
    kind.work(subject)
    pass_time(kind.leases.model, LONG_S)
    assert kind.queued.ring_due() == 0


def test_a_row_has_one_worker(kind: Kind, owner: Agent) -> None:
    (key,) = kind.make(owner)
    claimed(kind, key)
    assert kind.leases.claim(key) is None
    kind.work(kind.subject(key))
    assert kind.state(key) != kind.done
    assert kind.queued.ring_due() == 0


def test_a_lease_that_is_over_lets_others_begin(kind: Kind, owner: Agent) -> None:
    (key,) = kind.make(owner)
    claimed(kind, key)
    pass_time(kind.leases.model, LONG_S)
    assert kind.queued.ring_due() == 1
    kind.work(kind.subject(key))
    assert kind.state(key) == kind.done


def test_who_lost_the_lease_writes_nothing(kind: Kind, owner: Agent) -> None:
    (key,) = kind.make(owner)
    first = claimed(kind, key)
    pass_time(kind.leases.model, LONG_S)
    second = claimed(kind, key)
    until = kind.row(key).lease_until
    pass_time(kind.leases.model, 1)
    kind.leases.renew([first])
    assert kind.row(key).lease_until < until
    assert (kind.leases.end(first), kind.leases.wait(first), kind.leases.is_held([first])) == (0, 0, False)
    assert kind.leases.is_held([second])
    kind.leases.renew([second])
    assert kind.row(key).lease_until >= until


def test_what_is_handed_back_is_anothers_and_counts_no_attempt(kind: Kind, owner: Agent, rung: list[Any]) -> None:
    (key,) = kind.make(owner)
    first = claimed(kind, key)
    kind.leases.hand_back([first])
    assert len(rung) == 1
    second = claimed(kind, key)
    assert (first.attempt, second.attempt) == (1, 1)
    assert (kind.leases.end(first), kind.leases.wait(first), kind.leases.is_held([second])) == (0, 0, True)


def test_what_was_taken_by_another_is_not_handed_back(kind: Kind, owner: Agent) -> None:
    (key,) = kind.make(owner)
    first = claimed(kind, key)
    pass_time(kind.leases.model, LONG_S)
    second = claimed(kind, key)
    kind.leases.hand_back([first])
    assert kind.leases.is_held([second])


def test_a_pause_is_kept_to(kind: Kind, owner: Agent) -> None:
    (key,) = kind.make(owner)
    assert kind.leases.wait(claimed(kind, key), pause_s=100) == 1
    assert (kind.leases.claim(key), kind.queued.ring_due()) == (None, 0)
    pass_time(kind.leases.model, 101)
    assert kind.queued.ring_due() == 1
    kind.work(kind.subject(key))
    assert kind.state(key) == kind.done


def test_work_that_ends_its_workers_fails(kind: Kind, owner: Agent, settings: Any) -> None:
    settings.MAX_ATTEMPTS = 12
    (key,) = kind.make(owner)
    for _ in range(12):
        claimed(kind, key)
        pass_time(kind.leases.model, LONG_S)
    kind.work(kind.subject(key))
    assert kind.state(key) == "failed"


def test_of_a_flood_as_much_is_rung_for_as_there_is_room(
    kind: Kind, owner: Agent, rung: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind.make(owner, 40)
    monkeypatch.setattr(rings, "backlog", lambda queue: 10**6)
    kind.queued.ring_due()
    assert 0 < len(rung) <= rings.room(10**6, 200)


def test_who_has_much_does_not_keep_others_waiting(
    kind: Kind, owner: Agent, rung: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind.make(owner, 40)
    pass_time(kind.leases.model, 60)
    (theirs,) = kind.make(tenant("other"))
    monkeypatch.setattr(rings, "backlog", lambda queue: 10**6)
    kind.queued.ring_due()
    assert kind.subject(theirs) in rung


@pytest.mark.parametrize(("tenants_at_once", "rung_at_once"), [(2, 200), (1000, 2)])
def test_every_tenant_has_its_turn_within_a_few_sweeps(
    kind: Kind, rung: list[Any], monkeypatch: pytest.MonkeyPatch, tenants_at_once: int, rung_at_once: int
) -> None:
    """However few a sweep looks at, and however many rows of the first ones wait."""
    monkeypatch.setattr(queued, "_TENANTS_AT_ONCE", tenants_at_once)
    monkeypatch.setattr(queued, "_RUNG_AT_ONCE", rung_at_once)
    monkeypatch.setattr(rings, "_AT_ONCE_WHEN_FULL", 1)
    # What other tests have left in the queue takes no room here.
    monkeypatch.setattr(rings, "backlog", lambda queue: 0)
    owed = {kind.subject(kind.make(tenant(f"tenant{number}"), 4)[0]) for number in range(5)}
    for _ in range(3):
        kind.queued.ring_due()
    assert owed <= set(rung)


def test_of_a_tenant_few_go_with_those_of_others(kind: Kind, owner: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks: list[bool] = []
    monkeypatch.setattr(rings, "ring", lambda task, *ids, is_surplus=False: ranks.append(is_surplus))
    monkeypatch.setattr(queued, "_OF_ONE_TENANT", 3)
    monkeypatch.setattr(rings, "backlog", lambda queue: 0)
    kind.make(owner, 10)
    kind.make(tenant("other"))
    kind.queued.ring_due()
    assert ranks.count(False) == (4 if kind.leases.at_once != 1 else 2)
    assert ranks == sorted(ranks)


def test_what_has_a_message_in_the_queue_is_not_sent_another(
    kind: Kind, owner: Agent, rung: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as that is known; few are, whoever else fills the queue."""
    kind.make(owner, 10)
    monkeypatch.setattr(rings, "backlog", lambda queue: 0)
    first = kind.queued.ring_due()
    pass_time(kind.leases.model, LONG_S)
    monkeypatch.setattr(rings, "backlog", lambda queue: 10)
    assert kind.queued.ring_due() == min(4, first)
    (theirs,) = kind.make(tenant("other"))
    kind.queued.ring_due()
    assert kind.subject(theirs) in rung


def test_new_rows_are_rung_for_up_to_a_number(kind: Kind, owner: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued, "_OF_ONE_TENANT", 3)
    others = tenant("other")
    kind.make(owner, 3)
    (more,), (theirs,) = kind.make(owner), kind.make(others)
    assert not kind.queued.add(more, owner.developer_id)
    assert kind.queued.add(theirs, others.developer_id)


def test_the_next_of_a_tenant_is_rung_for(kind: Kind, owner: Agent, rung: list[Any]) -> None:
    first, second = kind.make(owner, 2)
    kind.queued.ring_next(owner.developer_id)
    kind.queued.ring_next(owner.developer_id)
    kind.queued.ring_next(owner.developer_id)
    assert sorted(rung) == sorted([kind.subject(first), kind.subject(second)])


@pytest.mark.parametrize("kind", BOUNDED, indirect=True, ids=lambda kind: kind.__name__)
def test_of_one_tenant_so_many_are_worked_on_and_no_more_however_many_messages_come(
    kind: Kind, owner: Agent, rung: list[Any]
) -> None:
    most = kind.leases.at_once or 0
    first, *others = kind.make(owner, most + 1)
    beyond = others.pop()
    held = [claimed(kind, key) for key in (first, *others)]
    kind.queued.ring_next(owner.developer_id)
    kind.leases.model._base_manager.filter(pk=beyond).update(rung_at=now())
    assert (kind.leases.claim(beyond), kind.queued.ring_due(), rung) == (None, 0, [])
    (theirs,) = kind.make(tenant("other"))
    claimed(kind, theirs)
    kind.leases.wait(held[0], pause_s=100)
    kind.queued.ring_next(owner.developer_id)
    assert rung == [kind.subject(beyond)]
    claimed(kind, beyond)


@pytest.mark.parametrize("kind", BOUNDED, indirect=True, ids=lambda kind: kind.__name__)
def test_workers_that_come_together_take_no_more_than_that(
    kind: Kind, owner: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind.leases, "at_once", 1)
    keys, barrier = kind.make(owner, 6), Barrier(6)

    def claim(key: Any) -> bool:
        try:
            barrier.wait(10)
            return kind.leases.claim(key) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(claim, keys)) == 1


def test_no_clock_counts_but_the_databases(kind: Kind, owner: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    (key,) = kind.make(owner)
    for moment in (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)):
        monkeypatch.setattr("django.utils.timezone.now", lambda moment=moment: moment)
        held = claimed(kind, key)
        assert kind.leases.claim(key) is None
        kind.leases.renew([held])
        assert kind.queued.ring_due() == 0
        assert kind.leases.wait(held, counted=False) == 1


def test_the_figures(kind: Kind, owner: Agent) -> None:
    before = figures.counted(kind.leases.name)
    [first, second, third] = [kind.make(one)[0] for one in (owner, tenant("other"), tenant("third"))]
    pass_time(kind.leases.model, 100)
    claimed(kind, first)
    pass_time(kind.leases.model, LONG_S)
    claimed(kind, first)
    claimed(kind, second)
    found = kind.queued.figures()
    assert (found.due, found.running) == (1, 2)
    assert LONG_S + 99 < found.oldest_s < LONG_S + 200
    assert found.claimed - before.get("claimed", 0) == 3
    assert found.lost - before.get("lost", 0) == 1
    assert kind.leases.claim(third) is not None
