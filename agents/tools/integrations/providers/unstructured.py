"""Parts of documents, found by Unstructured."""

import json
from typing import Any

from agents.tool_types import Effect
from agents.tools.exchange import json_of
from agents.tools.integrations.files import decoded
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch


def parse(call: IntegrationCall) -> dict[str, Any]:
    """`{content_type, status_code, csv_elements, content}`: a list of elements, or one text in CSV."""
    arguments = call.arguments
    form = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in (arguments.get("partition_params") or {}).items()
    }
    server = call.setup.get("server_url") or address_of("unstructured", "https://api.unstructuredapp.io")
    answer = fetch(
        call,
        "POST",
        f"{server.rstrip('/')}/general/v0/general",
        data=form,
        files=[("files", (arguments["filename"], decoded(arguments["file"]), None))],
        headers={"unstructured-api-key": call.setup["unstructured_api_key"], "Accept": "application/json, text/csv"},
    )
    kind = str(answer.headers.get("content-type", ""))
    is_csv = "csv" in kind
    return {
        "content_type": kind,
        "status_code": answer.status,
        "csv_elements": answer.content.decode("utf-8", "replace").replace("\x00", "") if is_csv else None,
        "content": None if is_csv else json_of(answer),
    }


METHODS = (
    Method(
        provider="unstructured",
        name="parse",
        effect=Effect.READS,
        description="Take a document apart into titles, paragraphs, tables and other elements.",
        run=parse,
        arguments=schema(
            "file",
            file=text("The document as base64"),
            filename=text("Name of the file; its ending tells the format", default="document"),
            partition_params={"type": "object", "description": "Further parameters, such as `strategy`"},
        ),
        setup=schema(
            "unstructured_api_key",
            unstructured_api_key=text("Key of the Unstructured API"),
            server_url=text("Address of another server"),
        ),
    ),
)
