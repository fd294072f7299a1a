"""Asks an MCP server something, and waits for its answer."""

from dataclasses import replace
from functools import partial
from importlib import import_module

from agents.tools.errors import Delivery, ToolError
from agents.tools.mcp.listing import Listing, found_in
from agents.tools.mcp.server import LIST_TOOLS, METHODS, Answer, Question, Server
from agents.vault.masking import NOTHING_HIDDEN, Masker

_SPEAKING = "agents.tools.mcp.speaking"


def ask(server: Server, question: Question) -> Answer:
    """The answer to one question. Blocks, in a thread without an event loop.

    Raises:
        ReportedError: the server says that it failed. ToolError: it gave no answer that can be used.
    """
    if question.method not in METHODS:
        known = ", ".join(METHODS)
        raise ToolError(f"nothing named {question.method[:40]!r} is asked of MCP servers (there are: {known})")
    if question.whole_s <= 0:
        raise ToolError("there was no time left for the call", repeatable=True, delivery=Delivery.NOT_SENT)
    answer: Answer = import_module(_SPEAKING).converse(server, question)
    return answer


def list_tools(server: Server, *, whole_s: float, hidden: Masker = NOTHING_HIDDEN) -> tuple[Listing, Answer]:
    """The tools that a server has. What is `hidden` is in nothing that it says.

    Raises:
        ToolError
    """
    answer = ask(server, Question(LIST_TOOLS, idle_s=whole_s, whole_s=whole_s))
    answer = replace(answer, server_info=hidden.value(answer.server_info))
    tools = answer.value["tools"]
    assert isinstance(tools, list)
    objection = partial(import_module(_SPEAKING).objection, answer.protocol)
    return found_in(tools, hidden=hidden, objection=objection), replace(answer, value={})
