"""`JULEP_CRASH_AT`: what it may say, and that it is dead outside test builds."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from executions import crashpoints
from executions.crashpoints import CrashPlan


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals the process would have sent itself."""
    sent: list[int] = []
    monkeypatch.setattr(crashpoints.os, "kill", lambda pid, number: sent.append(number))
    return sent


def test_a_passage_is_counted_over_all_processes(tmp_path: Path, killed: list[int]) -> None:
    for passages in range(1, 5):
        CrashPlan.read("in_commit:2,4", tmp_path).pass_through(f"branch {passages}")
        assert len(killed) == passages // 2


def test_passages_of_each_branch_are_counted_apart(
    tmp_path: Path, killed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crashpoints, "_PLANS", {"in_commit": CrashPlan.read("in_commit:2:each", tmp_path)})
    one, other = uuid4(), uuid4()

    crashpoints.crashpoint("in_commit", one)
    crashpoints.crashpoint("in_commit", other)
    crashpoints.crashpoint("in_commit", one, call=True)
    assert killed == []
    crashpoints.crashpoint("in_commit", one)
    assert len(killed) == 1


def test_nothing_crashes_outside_test_builds(settings: Any, tmp_path: Path) -> None:
    settings.JULEP_CRASH_AT, settings.JULEP_CRASH_DIR = "in_commit:always", str(tmp_path)

    assert crashpoints.read_plans() == {}
    settings.JULEP_TEST_BUILD = True
    assert crashpoints.read_plans() == {"in_commit": CrashPlan("in_commit", frozenset(), tmp_path)}


@pytest.mark.parametrize("text", ["nowhere:1", "in_commit", "in_commit:first", "in_commit:1:some"])
def test_a_plan_that_cannot_be_read_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        CrashPlan.read(text, tmp_path)
