"""Sessions, what was said in them, and their tools."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.serializers import ToolAnswer
from agents.tool_definitions import tool_to_wire
from julep_project.core.api.api_schema import Deleted, describe
from julep_project.core.api.page_bytes import check_page
from julep_project.core.api.pagination import read_page_request
from julep_project.core.api.views import ApiViewSet, created, deleted
from julep_project.core.reading.metadata_filter import metadata_condition
from sessions import selectors, services
from sessions.api.serializers import (
    EntryAnswer,
    HistoryAnswer,
    NewSessionBody,
    SessionAnswer,
    SessionBody,
    take_participants,
)
from sessions.context.messages import MessageBody
from sessions.history.entries import clear_history, list_told, whole_history
from sessions.wire import entry_to_wire, history_to_wire, session_to_wire


@describe("session", body=NewSessionBody, answer=SessionAnswer)
class SessionViewSet(ApiViewSet):
    """`/sessions` and `/sessions/{id}`."""

    resource = "Session"

    def list(self, request: Request) -> Response:
        """Sessions, newest first; `metadata_filter` narrows the list."""
        rows = selectors.list_sessions(self.developer).filter(metadata_condition(request.query_params))
        return self.page(rows, session_to_wire)

    def create(self, request: Request) -> Response:
        """Create a session."""
        values = NewSessionBody.read(request.data)
        participants = take_participants(values)
        session = services.create_session(developer=self.developer, participants=participants, values=values)
        return created(session_to_wire(session))

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One session."""
        return Response(session_to_wire(selectors.get_session(self.developer, id)))

    def create_or_update(self, request: Request, id: UUID) -> Response:
        """Overwrite the fields of the session with this id, or create it."""
        values = NewSessionBody.read(request.data)
        participants = take_participants(values)
        session = services.create_or_replace_session(
            developer=self.developer, session_id=id, participants=participants, values=values
        )
        return created(session_to_wire(session))

    def update(self, request: Request, id: UUID) -> Response:
        """Overwrite the fields of a session; its participants stay."""
        values = SessionBody.read(request.data)
        session = services.replace_session(developer=self.developer, session_id=id, values=values)
        return Response(session_to_wire(session))

    def partial_update(self, request: Request, id: UUID) -> Response:
        """Change some fields."""
        values = SessionBody.read(request.data, partial=True)
        session = services.patch_session(developer=self.developer, session_id=id, values=values)
        return Response(session_to_wire(session))

    def destroy(self, request: Request, id: UUID) -> Response:
        """Remove a session and all that was said in it."""
        services.delete_session(developer=self.developer, session_id=id)
        return deleted(id)


class HistoryViewSet(ApiViewSet):
    """`/sessions/{id}/history`."""

    resource = "History"

    @extend_schema(operation_id="session_history", responses=HistoryAnswer)
    def retrieve(self, request: Request, id: UUID) -> Response:
        """What was said, oldest first."""
        session = selectors.get_session(self.developer, id)
        return Response(history_to_wire(session, whole_history(session)))

    @extend_schema(operation_id="session_history_delete", responses={202: Deleted})
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
        rows = list_told(session).order_by("-seq" if page.descending else "seq")
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

    @extend_schema(operation_id="session_tools", responses=ToolAnswer(many=True))
    def list(self, request: Request, id: UUID) -> Response:
        """The tools of the session's agents."""
        return self.page(selectors.list_session_tools(self.developer, id), tool_to_wire)
