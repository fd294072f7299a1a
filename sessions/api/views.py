"""Sessions, what was said in them, and their tools."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.resource import Resource, ResourceViewSet
from agents.api.serializers import ToolAnswer
from agents.tool_definitions import tool_to_wire
from julep_project.core.api.api_schema import Deleted, describe, page_of
from julep_project.core.api.page_bytes import check_page
from julep_project.core.api.pagination import read_page_request
from julep_project.core.api.query import paging, takes
from julep_project.core.api.views import ApiViewSet, created, deleted
from sessions import selectors, services
from sessions.api.serializers import (
    EntryAnswer,
    HistoryAnswer,
    NewSessionBody,
    SessionAnswer,
    SessionBody,
)
from sessions.context.messages import MessageBody
from sessions.history.entries import clear_history, list_visible, whole_history
from sessions.history.pending import asked_in
from sessions.wire import entry_to_wire, history_to_wire, session_to_wire

SESSIONS = Resource(
    services=services.SessionServices(),
    body=NewSessionBody,
    changes=SessionBody,
    to_wire=session_to_wire,
    texts={
        "create": "Create a session of an agent, or of several, with or without users.",
        "create_or_update": "Overwrite the fields of the session with this id, or create it.",
        "update": "Overwrite the fields of a session; its participants stay.",
        "delete": "Delete a session and what was said in it.",
    },
)


@describe("session", body=NewSessionBody, answer=SessionAnswer, text=SESSIONS.text, query=SESSIONS.query)
class SessionViewSet(ResourceViewSet):
    """`/sessions` and `/sessions/{id}`."""

    resource = "Session"
    of = SESSIONS


class HistoryViewSet(ApiViewSet):
    """`/sessions/{id}/history`."""

    resource = "History"

    @extend_schema(operation_id="session_history", responses=HistoryAnswer)
    def retrieve(self, request: Request, id: UUID) -> Response:
        """What was said, oldest first, and about which calls of the last reply a person has to decide."""
        session = selectors.get_session(self.developer, id)
        asked = asked_in(session)
        history = history_to_wire(session, whole_history(session))
        return Response({**history, "requires_action": asked} if asked else history)

    @extend_schema(operation_id="session_history_delete", request=None, responses={202: Deleted})
    def destroy(self, request: Request, id: UUID) -> Response:
        """Forget what was said."""
        clear_history(self.developer, id)
        return deleted(id)


@describe("session_message", body=MessageBody, answer=EntryAnswer)
class MessageViewSet(ApiViewSet):
    """`/sessions/{id}/messages`."""

    resource = "Message"

    def list(self, request: Request, id: UUID) -> Response:
        """The history as a list, oldest first."""
        page = read_page_request(request.query_params, direction="asc")
        session = selectors.get_session(self.developer, id)
        rows = list_visible(session).order_by("-seq" if page.descending else "seq")
        rows = rows[page.offset : page.offset + page.limit]
        check_page(rows)
        return Response({"items": list(map(entry_to_wire, rows))})

    def create(self, request: Request, id: UUID) -> Response:
        """Add one message without asking a model."""
        message = MessageBody.read(request.data)
        entry, job_id = services.append_message(developer=self.developer, session_id=id, message=message)
        return created(entry_to_wire(entry), jobs=[] if job_id is None else [job_id])


class SessionToolViewSet(ApiViewSet):
    """`/sessions/{id}/tools`."""

    resource = "Tool"

    @takes(*paging(ApiViewSet.pagination.max_limit))
    @extend_schema(operation_id="session_tools", responses=page_of("session_tool", ToolAnswer))
    def list(self, request: Request, id: UUID) -> Response:
        """The tools of the session's agents."""
        return self.page(selectors.list_session_tools(self.developer, id), tool_to_wire)
