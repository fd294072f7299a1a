"""Chat, and the prompt of one: native async views, because their connections stay open."""

from functools import partial
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agents.llm.custom_key import custom_key_of
from agents.models import Developer
from agents.tools.presentation import shown_body
from julep_project.core.api.api_schema import SERVER_SENT_EVENTS, describe_async
from julep_project.core.api.async_views import api_view, json_response, read_request
from julep_project.core.api.auth import KeyScope
from julep_project.core.api.idempotency import work_of
from julep_project.core.database import run_query
from julep_project.core.pauses.standing import acheck_intake
from sessions.api.chat_answers import ChatAnswer, RenderAnswer
from sessions.chat.chat import ChatCall, answer_chat
from sessions.chat.streaming import stream_chat
from sessions.context.chat_request import ChatRequest, SentChatBody
from sessions.context.conversation import load_conversation
from sessions.context.prompt import build_prompt


@describe_async("session_chat", body=SentChatBody, answer={201: ChatAnswer, **SERVER_SENT_EVENTS}, ids=("id",))
@api_view("POST", keeps_answers=True)
async def chat(request: HttpRequest, developer: Developer, id: UUID) -> HttpResponseBase:
    """Say something, and get the answer of an agent, or with `stream` its events."""
    await acheck_intake()
    work = work_of(request)
    call = ChatCall(
        developer=developer,
        session_id=id,
        request=await read_request(request, ChatRequest.read),
        custom_key=custom_key_of(request.headers),
        request_id=getattr(request, "request_id", None),
        chat_id=None if work is None else work.id,
    )
    if call.request.stream:
        return await stream_chat(request, call)
    return json_response(await answer_chat(call), status=201)


@describe_async("session_render", body=SentChatBody, answer=RenderAnswer, ids=("id",))
@api_view("POST", scope=KeyScope.READ)
async def render(request: HttpRequest, developer: Developer, id: UUID) -> HttpResponseBase:
    """What the (first) agent that answers would be asked with; nothing is stored."""
    asked = await read_request(request, ChatRequest.read)
    conversation = await run_query(partial(load_conversation, developer, id, asked))
    prompt = await build_prompt(conversation, asked, conversation.speakers(asked.agent)[0])
    return json_response(
        {
            "messages": prompt.messages,
            "docs": prompt.docs,
            "tools": [shown_body(tool) for tool in prompt.offered],
            "tool_choice": prompt.tool_choice,
        }
    )
