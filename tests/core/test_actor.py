"""Who acts, from authentication to the answer."""

from typing import Any
from unittest.mock import patch

import pytest

from agents.llm import gateway
from julep_project.core.actor import SYSTEM, Actor, ActorKind, acting_as, current_actor
from tests.api_client import ApiClient

OPERATOR = Actor(ActorKind.INTERNAL, address="127.0.0.1")


def test_blocks_end_with_who_acted_before() -> None:
    assert current_actor() == SYSTEM
    with acting_as(Actor(ActorKind.RUN, id="1")):
        with acting_as(Actor(ActorKind.COMMAND, id="sweep")):
            assert current_actor().kind is ActorKind.COMMAND
        assert current_actor().id == "1"
    assert current_actor() == SYSTEM


def test_a_resource_view_acts_as_its_caller(api: ApiClient) -> None:
    seen = []
    with patch("agents.api.views.AgentViewSet.page", side_effect=lambda *_: seen.append(current_actor())):
        api.get("/agents")
        ApiClient(key="wrong").get("/agents")
    assert (seen, current_actor()) == ([OPERATOR], SYSTEM)


def test_an_async_view_acts_as_its_caller_in_threads_too(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def embed(*_: Any, **__: Any) -> Any:
        seen.append(current_actor())
        return [[0.0]]

    monkeypatch.setattr(gateway, "aembed", embed)
    monkeypatch.setattr("docs_store.api.embed_view.stored_dimensions", lambda _: seen.append(current_actor()))
    assert api.post("/embed", {"text": "a"}).status_code == 200
    assert (seen, current_actor()) == ([OPERATOR, OPERATOR], SYSTEM)
