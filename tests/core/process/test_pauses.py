"""Pauses as code on an event loop learns of them."""

import asyncio

import pytest

from julep_project.core.pauses import standing
from julep_project.core.pauses.errors import Paused
from julep_project.core.pauses.models import Pause, PauseScope
from julep_project.core.process.remembered import Memory
from julep_project.core.tenancy import system_scope


@pytest.mark.django_db(transaction=True)
def test_what_is_not_known_is_read_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stays known: what is read once has to do."""
    monkeypatch.setattr(standing, "_known", Memory(most=1, for_s=0))
    with system_scope():
        Pause.objects.create(scope=PauseScope.INTAKE, reason="the tide is out")
    with pytest.raises(Paused):
        asyncio.run(standing.acheck_intake())
