"""A chat whose provider wants to be asked later: soon is waited for, late is passed on."""

import asyncio

import pytest

from agents.llm import gateway
from tests.chat.conftest import Talk
from tests.loopback.model_server import ModelServer, failure

gateway.warm()

MODEL = "gpt-4o-mini"


@pytest.mark.parametrize("stream", [False, True])
def test_soon_is_waited_for(talk: Talk, model_server: ModelServer, stream: bool) -> None:
    session = talk.session(talk.agent(model=MODEL))
    model_server.script(failure(429, "slow down", **{"Retry-After": "0.1"}), "At last.")

    assert talk.chat(session, "Hi", stream=stream).status_code == 201
    assert len(model_server.chats) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [429, 503])
def test_late_is_passed_on_and_others_are_not_asked(
    talk: Talk, model_server: ModelServer, status: int, stream: bool
) -> None:
    model_server.script(failure(status, "slow down", **{"Retry-After": "100"}))
    for _ in range(2):
        session = talk.session(talk.agent(model=MODEL))
        refused = talk.chat(session, "Hi", stream=stream)
        assert refused.status_code == 429
        assert 90 < int(refused.headers["retry-after"]) <= 100
        assert refused.json()["error"]["code"] == "llm_api_error"
        assert talk.said(session) == []
    assert len(model_server.chats) == 1


def test_another_key_is_not_held(talk: Talk, model_server: ModelServer) -> None:
    model_server.script(failure(429, "slow down", **{"Retry-After": "100"}), "Yes?")
    session = talk.session(talk.agent(model=MODEL))

    async def chat(headers: dict[str, str]) -> int:
        return int((await talk.send(session, "Hi", headers=headers)).status_code)

    theirs = {"X-Custom-Api-Key": "sk-of-the-caller"}
    assert [asyncio.run(chat(headers)) for headers in ({}, theirs, {})] == [429, 201, 429]
