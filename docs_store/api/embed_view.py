"""`/embed`: vectors of texts, by the model that the docs are embedded with and as long as theirs."""

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agents.llm import gateway
from agents.llm.custom_key import custom_key_of
from agents.models import Developer
from docs_store.api.serializers import EmbedAnswer, EmbedBody
from docs_store.search.embedded_text import query_text
from docs_store.selectors import stored_dimensions
from julep_project.core.api.api_schema import describe_async
from julep_project.core.api.async_views import api_view, json_response, read_request
from julep_project.core.database import run_query


@describe_async("embed", body=EmbedBody, answer=EmbedAnswer)
@api_view("POST")
async def embed(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """One vector for each text; an instruction stands before each text and is not one itself."""
    values = await read_request(request, EmbedBody.read)
    texts = [query_text(text, values.get("embed_instruction")) for text in values["text"]]
    dimensions = await run_query(lambda: stored_dimensions(settings.EMBEDDING_MODEL))
    vectors = await gateway.aembed(developer, texts, dimensions=dimensions, custom_key=custom_key_of(request.headers))
    return json_response({"vectors": vectors})
