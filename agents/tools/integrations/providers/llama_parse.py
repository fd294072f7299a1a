"""Documents as Markdown, by LlamaParse."""

import json
import time
from typing import Any
from urllib.parse import quote

from agents.tool_types import Effect
from agents.tools.errors import BadArguments, ToolError
from agents.tools.integrations.files import decoded
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch_object

_PAUSE_S = 2.0


def parse(call: IntegrationCall) -> dict[str, Any]:
    """`{documents: [{text, metadata}]}`, one for each file."""
    files = call.arguments["file"]
    return {"documents": [_parse(call, file) for file in ([files] if isinstance(files, str) else files)]}


def _parse(call: IntegrationCall, file: str) -> dict[str, Any]:
    url = f"{address_of('llama_parse', 'https://api.cloud.llamaindex.ai')}/api/parsing"
    headers = {"Authorization": f"Bearer {call.setup['llamaparse_api_key']}"}
    job = fetch_object(call, "POST", f"{url}/upload", headers=headers, **_upload(call, file))
    job_url = f"{url}/job/{quote(str(job.get('id')), safe='')}"
    while (status := fetch_object(call, "GET", job_url, headers=headers).get("status")) == "PENDING":
        if call.seconds_left() <= _PAUSE_S:
            raise ToolError("the document was not ready in time", repeatable=True)
        time.sleep(_PAUSE_S)
    if status != "SUCCESS":
        raise ToolError(f"the document could not be read: {str(status)[:100]}", repeatable=True)
    result = fetch_object(call, "GET", f"{job_url}/result/markdown", headers=headers)
    name = call.arguments.get("filename") or ("" if call.arguments["base64"] else file)
    return {"text": str(result.get("markdown") or ""), "metadata": {"file_name": name}}


def _upload(call: IntegrationCall, file: str) -> dict[str, Any]:
    """The form of an upload: the file itself, or the address it is fetched from."""
    params = {**(call.setup.get("params") or {}), **(call.arguments.get("params") or {})}
    form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    if not call.arguments["base64"]:
        if not file.startswith(("http://", "https://")):
            raise BadArguments("`file` must be an address, or base64 with `base64: true`")
        return {"data": {**form, "input_url": file}}
    return {"data": form, "files": [("file", (call.arguments.get("filename") or "document.pdf", decoded(file), None))]}


METHODS = (
    Method(
        provider="llama_parse",
        name="parse",
        effect=Effect.READS,
        description="Read documents such as PDF files. Gives their text as Markdown.",
        run=parse,
        arguments=schema(
            "file",
            file={
                "anyOf": [text("Address of a document, or its content as base64"), {"type": "array", "items": text("")}]
            },
            filename=text("Name of the file; its ending tells the format"),
            params={"type": "object", "description": "Further parameters of LlamaParse"},
            base64={"type": "boolean", "default": False, "description": "Whether `file` is base64"},
        ),
        setup=schema(
            "llamaparse_api_key",
            llamaparse_api_key=text("Key of the LlamaCloud API"),
            params={"type": "object"},
        ),
    ),
)
