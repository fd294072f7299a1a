"""Docs of agents and users as resources."""

from functools import partial
from uuid import UUID

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
from docs_store.selectors import with_content
from julep_project.core.database import Threads, run_query
from julep_project.core.errors import DomainError
from julep_project.mcp_server.answers import refused, unknown
from julep_project.mcp_server.caller import Context, caller_of
from julep_project.mcp_server.paging import page_of
from julep_project.mcp_server.visible import docs_of

_SCHEME = "doc://"
_TYPE = "text/plain"


async def list_resources(context: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
    """A page of the docs, the newest first."""
    cursor = params.cursor if params else None
    try:
        rows, behind = await run_query(
            partial(page_of, {"docs": partial(docs_of, caller_of(context).developer)}, cursor), Threads.READING
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
        raise unknown("Resource", uri=uri)
    doc = await run_query(partial(_read, caller_of(context).developer, doc_id), Threads.READING)
    if doc is None:
        raise unknown("Resource", uri=uri)
    text = "\n\n".join(chunk.content for chunk in doc.chunks.all())
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=_TYPE, text=text)])


def _read(developer: Developer, doc_id: UUID) -> Doc | None:
    doc = docs_of(developer).filter(pk=doc_id).first()
    if doc is not None:
        with_content([doc], include_embeddings=False)
    return doc
