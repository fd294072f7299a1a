"""Schedules that were stored by other rules than those of now."""

import pytest

from executions.schedules.models import Schedule
from tests.schedules.conftest import Json, Scheduling


def stored_with(scheduling: Scheduling, zone: str) -> Json:
    """One whose row has this zone, as one of before may have."""
    made = scheduling.make()
    row = Schedule.objects.get(pk=made["id"])
    Schedule.objects.filter(pk=row.pk).update(timing={**row.timing, "timezone": zone})
    return made


@pytest.mark.parametrize("zone", ["posix/Europe/Berlin", "Factory"])
def test_a_zone_that_is_refused_now_is_read_as_before(scheduling: Scheduling, zone: str) -> None:
    made = stored_with(scheduling, zone)
    scheduling.fire(made)
    assert scheduling.states(made) == ["started"]
    assert scheduling.api.get(f"/schedules/{made['id']}/preview").status_code == 200
    assert scheduling.act(made, "pause", {}).status_code == 200
    assert scheduling.act(made, "resume").json()["state"] == "active"
    # Whoever says something of its times gives it one that is taken.
    answer = scheduling.api.patch(f"/schedules/{made['id']}", {"every": 660})
    assert (answer.status_code, answer.json()["error"]["details"][0]["loc"]) == (422, "timezone")
    assert scheduling.api.patch(f"/schedules/{made['id']}", {"every": 660, "timezone": "UTC"}).status_code == 200


def test_one_whose_zone_nobody_can_read_pauses_and_holds_up_no_others(scheduling: Scheduling) -> None:
    made, other = stored_with(scheduling, "Mars/Base"), scheduling.make()
    scheduling.pass_time(other)
    scheduling.fire(made)
    shown = scheduling.told(made)
    assert (scheduling.states(made), scheduling.states(other)) == ([], ["started"])
    assert (shown["state"], shown["paused_by"]) == ("paused", {"kind": "system"})
    assert shown["paused_reason"].startswith("invalid_times: ") and "'Mars/Base'" in shown["paused_reason"]
    for method, path in (("POST", "resume"), ("GET", "preview")):
        answer = scheduling.api.send(method, f"/schedules/{made['id']}/{path}", None)
        assert (answer.status_code, answer.json()["error"]["details"][0]["loc"]) == (422, "timezone")
    assert scheduling.api.patch(f"/schedules/{made['id']}", {"timezone": "UTC"}).status_code == 200
    assert scheduling.act(made, "resume").json()["state"] == "active"
