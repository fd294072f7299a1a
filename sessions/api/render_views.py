"""`/sessions/{id}/render`: the prompt of a chat, without asking a model."""

from functools import partial
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agents.models import Developer
from agents.tools.presentation import shown_body
from julep_project.core.api.api_schema import describe_async
from julep_project.core.api.async_views import api_view, json_response, read_request
from julep_project.core.database import run_query
from sessions.context.chat_request import ChatBody, ChatRequest
from sessions.context.conversation import load_conversation
from sessions.context.prompt import build_prompt


@describe_async("session_render", body=ChatBody, ids=("id",))
@api_view("POST")
async def render(request: HttpRequest, developer: Developer, id: UUID) -> HttpResponseBase:
    """What the (first) agent that answers would be asked with; nothing is stored."""
    chat = await read_request(request, ChatRequest.read)
    conversation = await run_query(partial(load_conversation, developer, id, chat))
    agent = conversation.speakers(chat.agent)[0]
    prompt = await build_prompt(conversation, chat, agent)
    return json_response(
        {
            "messages": prompt.messages,
            "docs": prompt.docs,
            "tools": [shown_body(tool) for tool in prompt.offered],
            "tool_choice": prompt.tool_choice,
        }
    )
