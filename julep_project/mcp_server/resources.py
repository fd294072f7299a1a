"""Docs of agents and users as resources."""

from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q
from mcp_types import (
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from agents.models import Developer
from docs_store.models import Doc
from docs_store.selectors import get_doc
from julep_project.core.database import Threads, run_query
from julep_project.core.errors import DomainError
from julep_project.mcp_server.answers import refused, unknown
from julep_project.mcp_server.caller import Context, caller_of
from julep_project.mcp_server.paging import page_of

_SCHEME = "doc://"
_TYPE = "text/plain"


async def list_resources(context: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
    """A page of the docs, the newest first."""
    cursor = params.cursor if params else None
    try:
        rows, behind = await run_query(
            partial(page_of, {"docs": partial(_docs, caller_of(context).developer)}, cursor), Threads.READING
        )
    except DomainError as error:
        raise refused(error) from error
    resources = [Resource(uri=f"{_SCHEME}{doc.pk}", name=doc.title, mime_type=_TYPE) for _, doc in rows]
    return ListResourcesResult(resources=resources, next_cursor=behind)


async def list_templates(context: Context, params: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
    template = ResourceTemplate(uri_template=f"{_SCHEME}{{doc_id}}", name="doc", title="A document", mime_type=_TYPE)
    return ListResourceTemplatesResult(resource_templates=[template])


async def read_resource(context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    """The text of a doc."""
    uri = str(params.uri)
    try:
        doc_id = UUID(uri.removeprefix(_SCHEME)) if uri.startswith(_SCHEME) else None
    except ValueError:
        doc_id = None
    if doc_id is None:
        raise unknown("Resource")
    try:
        doc = await run_query(
            partial(get_doc, caller_of(context).developer, doc_id, include_embeddings=False), Threads.READING
        )
    except DomainError as error:
        raise unknown("Resource") from error
    text = "\n\n".join(chunk.content for chunk in doc.chunks.all())
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=_TYPE, text=text)])


def _docs(developer: Developer) -> Any:
    return Doc.objects.for_developer(developer).filter(Q(agent__isnull=False) | Q(user__isnull=False))
