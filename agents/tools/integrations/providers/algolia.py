"""Search in an index of Algolia."""

import re
from typing import Any
from urllib.parse import quote

from agents.tool_types import Effect
from agents.tools.errors import ToolError
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch_object, objects_in

_TOLD = ("query", "nbHits", "page", "nbPages", "processingTimeMS")


def search(call: IntegrationCall) -> dict[str, Any]:
    """`{hits: [...], metadata: {query, nbHits, page, nbPages, processingTimeMS}}`."""
    arguments, application = call.arguments, call.setup["algolia_application_id"]
    if not re.fullmatch(r"[A-Za-z0-9]+", application):
        raise ToolError("the setup of algolia has a value of the wrong form at $.algolia_application_id")
    wanted = arguments.get("attributes_to_retrieve")
    answer = fetch_object(
        call,
        "POST",
        f"{address_of('algolia', f'https://{application}-dsn.algolia.net')}"
        f"/1/indexes/{quote(arguments['index_name'], safe='')}/query",
        json={
            "query": arguments["query"],
            "hitsPerPage": arguments["hits_per_page"],
            **({"attributesToRetrieve": wanted} if wanted else {}),
        },
        headers={
            "X-Algolia-Application-Id": application,
            "X-Algolia-API-Key": call.setup["algolia_api_key"],
        },
    )
    return {"hits": objects_in(answer, "hits"), "metadata": {name: answer.get(name) for name in _TOLD}}


METHODS = (
    Method(
        provider="algolia",
        name="search",
        effect=Effect.READS,
        description="Search in an Algolia index.",
        run=search,
        arguments=schema(
            "index_name query",
            index_name=text("Name of the index"),
            query={"type": "string", "description": "What to search for"},
            attributes_to_retrieve={"type": "array", "items": {"type": "string"}},
            hits_per_page={"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
        ),
        setup=schema(
            "algolia_application_id algolia_api_key",
            algolia_application_id=text("Id of the application"),
            algolia_api_key=text("Key of the Algolia API"),
        ),
    ),
)
