"""What operators do to runs, with workers that do it: retries, pauses and acts on many."""

import time
from typing import Any

from executions.models import Branch, Execution
from executions.operating import pausing
from julep_project.core.pauses.models import PauseScope
from julep_project.core.pauses.standing import KNOWN_S
from tests.api_client import ApiClient
from tests.backend import Backend, assert_recorded_once, wait_for_end, wait_until

LONG_S = 60
DIVIDE: dict[str, Any] = {
    "over": "$ [1, 2, 3, 4]",
    "map": [
        {"evaluate": "$ _ * 2"},
        {"foreach": {"in": "$ [_]", "do": [{"evaluate": "$ _"}, {"evaluate": "$ 12 / _"}]}},
    ],
    "parallelism": 2,
}


def begin(api: ApiClient, path: str, body: Any, status: int = 201) -> str:
    answer = api.post(path, body)
    assert answer.status_code == status, answer.json()
    return str(answer.json()["id"])


def test_a_map_that_failed_goes_on_with_the_program_that_was_mended(api: ApiClient, backend: Backend) -> None:
    agent = begin(api, "/agents", {"name": "Ada"})
    broken = {**DIVIDE, "map": [DIVIDE["map"][0], {"evaluate": "$ 12 / (_ - 6)"}]}
    task = begin(api, f"/agents/{agent}/tasks", {"name": "t", "main": [broken, {"evaluate": "$ sum(_)"}]})
    failed = wait_for_end(begin(api, f"/tasks/{task}/executions", {"input": {}}), backend)
    assert failed.status == "failed"
    mended = {**DIVIDE, "map": [DIVIDE["map"][0], {"evaluate": "$ 12 / _"}]}
    main = [mended, {"evaluate": "$ _"}]
    assert api.patch(f"/agents/{agent}/tasks/{task}", {"main": main}).status_code == 200

    again = wait_for_end(begin(api, f"/executions/{failed.pk}/retry", {"version": "latest"}), backend)

    # What was done before is as the old program did it.
    assert again.status == "succeeded", again.error
    assert len(again.output) == 4 and again.output[2] == 2
    assert_recorded_once(again)


def test_a_paused_task_and_many_runs_that_are_cancelled(api: ApiClient, backend: Backend) -> None:
    agent = begin(api, "/agents", {"name": "Ada"})
    task = begin(api, f"/agents/{agent}/tasks", {"name": "t", "main": [DIVIDE, {"evaluate": "$ len(_)"}]})
    pause = pausing.pause(scope=PauseScope.TASK, key=task, reason="the tide is out")
    known_by = time.monotonic() + KNOWN_S
    wait_until(lambda: time.monotonic() > known_by, LONG_S, backend)
    runs = [begin(api, f"/tasks/{task}/executions", {"input": {}}) for _ in range(6)]
    held = Branch.objects.filter(execution_id__in=runs, held_up__pause__isnull=False)
    wait_until(lambda: held.count() == 6, LONG_S, backend)

    filter_ = {"task_id": task, "status": ["queued"], "until": api.get(f"/executions/{runs[3]}").json()["created_at"]}
    bulk = begin(api, "/bulk", {"action": "cancel", "filter": filter_}, status=202)
    wait_until(lambda: api.get(f"/bulk/{bulk}").json()["state"] == "succeeded", LONG_S, backend)
    assert set(Execution.objects.filter(pk__in=runs[:3]).values_list("status", flat=True)) == {"cancelled"}

    pausing.lift(pause_id=pause.pk)
    for run in runs[3:]:
        assert wait_for_end(run, backend).output == 4
