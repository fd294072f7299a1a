"""Questions of servers to people, in calls that are made in somebody's name."""

from typing import Any

import pytest

from agents.mcp import running
from agents.tools.actions import Action, ActionNeeded, Given
from agents.tools.errors import ToolError
from agents.tools.mcp import questions
from agents.tools.mcp.server import Answer, Inquiry, Server
from agents.tools.signing_in import CONNECTION, _keeping
from agents.vault.masking import Masker

TOKEN = "token-of-ann"


class Call:
    hidden = Masker({}).and_secret(CONNECTION, TOKEN)


@pytest.mark.parametrize("state", [None, f"mine: {TOKEN}"])
def test_no_token_is_in_what_people_are_asked(monkeypatch: pytest.MonkeyPatch, state: str | None) -> None:
    asked = {"one": {"message": f"Is {TOKEN} yours?", "requestedSchema": {"properties": {TOKEN: {"type": "string"}}}}}
    answer = Answer({}, "1", declined=(TOKEN,), inquiry=Inquiry(asked, state=state))
    monkeypatch.setattr(running, "ask", lambda *_: answer)
    call: Any = Call()
    server, question = Server("http", "https://a.example/mcp"), running.Question("call_tool", {})
    if state is not None:
        with pytest.raises(ToolError, match="puts the token"):
            running._signed(server, question, call, TOKEN)
        return
    told = running._signed(server, question, call, TOKEN)
    assert TOKEN not in repr(told)
    assert "Is ***connection*** yours?" in repr(told.inquiry)


def test_what_was_answered_is_there_after_a_sign_in() -> None:
    kept: Any = {
        "asked": [["one", {"requestedSchema": {"properties": {}}}]],
        "replies": {},
        "state": "s",
        "is_needed": False,
    }
    given = Given("elicitation", kept | {"count": 1, "declined": []}, {"action": "accept"})
    for before in (given, Given(CONNECTION, given.to_json(), None)):
        with pytest.raises(ActionNeeded) as caught, _keeping(before):
            raise ActionNeeded("sign in", Action(CONNECTION, {}, 1.0))
        said = questions.said_before(Given(CONNECTION, caught.value.action.kept, None))
        assert (said.replies, said.state) == ({"one": {"action": "accept", "content": {}}}, "s")
