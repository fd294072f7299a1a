"""Doing a run again in several ways, and putting runs beside each other."""

import random
from difflib import SequenceMatcher
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from executions.models import Execution
from julep_project.console.difference import difference
from tests.console.conftest import HOSTILE, once
from tests.flow_runner import FlowRunner

ASK = {"prompt": "$ f'Say {_.n}'", "unwrap": True, "settings": {"model": "offline/echo"}, "label": "ask"}
SAID = HOSTILE.replace("\u0007", "")


@pytest.fixture
def said(flow: FlowRunner) -> dict[str, Any]:
    task = flow.create({"name": "Say it", "main": [{"evaluate": {"n": "$ _.n"}}, ASK, {"evaluate": {"said": "$ _"}}]})
    return flow.start(task.json()["id"], {"n": 1})


def fork(operator: Client, run: dict[str, Any], capture: Any, **form: Any) -> Any:
    with capture(execute=True):
        return operator.post(f"/admin/runs/{run['id']}/fork/begin/", once(**form))


def test_variants_are_begun_and_compared(
    operator: Client, viewer: Client, flow: FlowRunner, said: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    row = next(row["id"] for row in flow.log(said["id"]) if row["step_label"] == "ask")
    asked = operator.get(f"/admin/runs/{said['id']}/fork/?from={row}").content.decode()
    assert "Say {_.n}" in asked and "2 rows of its log" in asked
    form = {"from": row, "name": ["plain", "sung"], "prompt": ["", SAID], "settings": ["", "{"]}
    wrong = fork(operator, said, django_capture_on_commit_callbacks, **form)
    shown = wrong.content.decode()
    # What was typed is not lost, and nothing was begun.
    assert (wrong.status_code, Execution.objects.count()) == (200, 1)
    assert "Settings of variant 2 is no JSON" in shown and "&lt;script&gt;alert(1)" in shown
    more = fork(operator, said, django_capture_on_commit_callbacks, **form, more="1").content.decode()
    assert more.count("<legend>") == 3
    unknown = {**form, "settings": ["", ""], "step": ["", "main[0]"]}
    assert "only prompt steps" in fork(operator, said, django_capture_on_commit_callbacks, **unknown).content.decode()

    begun = fork(operator, said, django_capture_on_commit_callbacks, **{**form, "settings": ["", ""]})
    page = begun["Location"]
    assert page.startswith("/admin/compare/?fork=")
    runs = list(Execution.objects.exclude(fork_id=None).order_by("id"))
    assert [run.variant["name"] for run in runs] == ["plain", "sung"]
    assert "data-refresh" in operator.get(page).content.decode()
    for run in runs:
        flow.settle(str(run.pk))
    compared = operator.get(page).content.decode()
    assert "data-refresh" not in compared
    assert "<script>alert" not in compared and "⟪U+202E⟫" in compared
    assert compared.count("sung") >= 2 and "what differs" in compared and '<span class="added">' in compared
    own = operator.get(f"/admin/runs/{runs[1].pk}/").content.decode()
    assert "variant" in own and page.replace("&", "&amp;") in own and "otherwise in" in own
    seq = flow.log(str(runs[1].pk))[-1]
    told = operator.get(f"/admin/runs/{runs[1].pk}/detail/?seq=4&tab=output").content.decode()
    assert seq["type"] == "finish" and "of the run before" in told and '<span class="removed">' in told
    exported = operator.get(f"{page}&format=json").json()["items"]
    assert [line["is_same"] for line in exported] == [False, False]
    assert operator.get(f"{page}&format=csv")["Content-Type"].startswith("text/csv")
    # Who may see no contents sees what it took.
    few = viewer.get(page).content.decode()
    assert "alert(1)" not in few and "another output" in few and "Tokens" in few


def test_runs_of_no_fork(operator: Client, flow: FlowRunner, said: dict[str, Any], stranger: Any) -> None:
    other = flow.start(said["task_id"], {"n": "x" * 2_000_000})
    chosen = operator.post("/admin/compare/choose/", {"run": [said["id"], other["id"]]})
    page = operator.get(chosen["Location"])
    assert (page.status_code, len(page.content) < 60_000) == (200, True)
    assert "not the same" in page.content.decode()
    assert "Two runs are needed" in operator.get(f"/admin/compare/?run={said['id']}").content.decode()
    few = operator.post("/admin/compare/choose/", {"run": [said["id"]]}, follow=True)
    assert few.redirect_chain[0][0] == "/admin/runs/" and "Between 2 and 6" in few.content.decode()
    many = "&".join(f"run={uuid4()}" for _ in range(6))
    assert operator.get(f"/admin/compare/?run={said['id']}&{many}").status_code == 400
    assert operator.get("/admin/compare/?fork=x").status_code == 400
    assert operator.get(f"/admin/compare/?fork={uuid4()}").status_code == 404
    Execution.objects.filter(pk=other["id"]).update(developer=stranger)
    assert operator.get(chosen["Location"]).status_code == 404


def test_a_difference_is_the_shortest_way() -> None:
    dice = random.Random(7)
    for _ in range(60):
        old, new = ([dice.choice("abcd") for _ in range(dice.randrange(14))] for _ in range(2))
        lines = difference("\n".join(old), "\n".join(new))
        gone, came = ([line.text for line in lines if line.kind in ("same", kind)] for kind in ("removed", "added"))
        assert gone == old or not lines or old == new
        assert came == new or not lines or old == new
        alike = sum(block.size for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks())
        assert not lines or sum(line.kind == "same" for line in lines) >= alike


def test_a_difference_is_bounded() -> None:
    """However long the texts are, and however little they have in common."""
    dice = random.Random(7)
    old, new = ("\n".join(dice.choice("ab") for _ in range(200_000)) for _ in range(2))
    assert 0 < len(difference(old, new)) <= 1001
    [(kind, text)] = [line for line in difference("a" * 10**6 + "\nb", "b") if line.kind != "same"]
    assert (kind, len(text)) == ("removed", 500)
