"""Claims that a crash of the database server forgets, while whoever made them lives on."""

from typing import Any

import pytest

from executions.engine.draft import Verdict
from executions.engine.rows import claims, store
from executions.engine.rows.claims import Claim
from executions.models import Branch
from executions.states import BranchStatus

EFFECT: dict[str, Any] = {"kind": "tool", "request": {"tool": {}}, "options": {}, "key": "k", "attempts": 0}


@pytest.fixture
def calling(branch: Branch) -> Branch:
    claim = claims.claim_branch(branch.pk, "worker")
    assert claim is not None
    verdict = Verdict(BranchStatus.CALLING, effect=EFFECT)
    assert store.commit_slice(claim, verdict, transitions=[], stack=claim.stack, state={}, items={}) is not None
    return branch


def effect_claim(branch: Branch) -> Claim:
    claim = claims.claim_effect(branch.pk, "the same message")
    assert claim is not None
    return claim


def test_a_claim_made_again_after_it_was_forgotten_is_another_claim(calling: Branch) -> None:
    before = Branch.objects.filter(pk=calling.pk).values("version", "effect", "lease_owner", "lease_until").get()
    forgotten = effect_claim(calling)
    Branch.objects.filter(pk=calling.pk).update(**before)
    again = effect_claim(calling)

    assert not store.commit_effect(forgotten, {"kind": "effect", "value": 1})
    assert store.commit_effect(again, {"kind": "effect", "value": 2})
    assert Branch.objects.get(pk=calling.pk).event == {"kind": "effect", "value": 2}
