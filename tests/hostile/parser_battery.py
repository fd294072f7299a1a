"""Reads hostile texts with every reader of outside texts there is. A program of its own: a text may end the process.

Prints one line of JSON per text and reader. The line is begun before the text is read, so the last one tells which
text the process did not survive.
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from typing import Any

import django
import httpx
from django.http import QueryDict

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "julep_project.settings")
django.setup()

from rest_framework.exceptions import ValidationError  # noqa: E402

from agents.llm.answer import Answer  # noqa: E402
from agents.llm.dialogue import UnreadableArguments, arguments_of  # noqa: E402
from agents.llm.reply_form import ReplyForm  # noqa: E402
from agents.tools.errors import ToolError  # noqa: E402
from agents.tools.exchange import json_of  # noqa: E402
from agents.tools.integrations.files import decoded  # noqa: E402
from agents.tools.integrations.providers.arxiv import read_feed  # noqa: E402
from docs_store.search.query import QueryVector  # noqa: E402
from julep_project.core.errors import DomainError  # noqa: E402
from julep_project.core.http import IncomingResponse  # noqa: E402
from julep_project.core.reading.metadata_filter import metadata_condition  # noqa: E402
from julep_project.core.reading.outside_json import TooMuchJson  # noqa: E402
from julep_project.core.reading.parsers import parse_json, parse_yaml  # noqa: E402
from sessions.chat.tool_rounds import Toolbox  # noqa: E402
from sessions.responses.answering.searches import query_of  # noqa: E402
from tasks.expressions.errors import ExpressionError  # noqa: E402
from tasks.expressions.expression import compile_expression  # noqa: E402
from tests.hostile import texts  # noqa: E402

# For all texts together; what takes longer hangs.
_CPU_S = 110
Reader = Callable[[str], Any]
REFUSALS = (DomainError, ExpressionError, ToolError, TooMuchJson, UnreadableArguments, ValidationError)


def _expression(source: str) -> Reader:
    compiled = compile_expression(source)
    return lambda text: compiled.evaluate({"_": text})


def _call(text: str) -> dict[str, Any]:
    return {"id": "call", "type": "function", "function": {"name": "tool", "arguments": text}}


def _query(text: str) -> QueryDict:
    query = QueryDict(mutable=True)
    query["metadata_filter"] = text
    return query


def _settled(text: str) -> str | None:
    form, answer = ReplyForm(_SCHEMA, holds_all=True), Answer()
    answer.add({"choices": [{"message": {"content": text}}]})
    answer.end()
    return form.settle(answer)


_SCHEMA = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
_TOOLBOX: Any = Toolbox(None, [{"name": "tool", "type": "function", "function": {}}])  # type: ignore[arg-type]

BATTERY: list[tuple[texts.Texts, Mapping[str, Reader]]] = [
    (
        texts.JSON,
        {
            "request": lambda text: parse_json(text.encode()),
            "answer of a tool": lambda text: json_of(
                IncomingResponse(200, httpx.Headers(), text.encode(), "http://a/")
            ),
            "arguments of a call": lambda text: arguments_of(_call(text)),
            "arguments in a chat": lambda text: _TOOLBOX.completed(_call(text)),
            "arguments of a search": lambda text: query_of(_call(text)),
            "reply": _settled,
            "filter": lambda text: metadata_condition(_query(text)),
            "vector": lambda text: QueryVector().run_validation(text),
            "load_json": _expression("load_json(_)"),
            "extract_json": _expression("extract_json(_)"),
        },
    ),
    (
        texts.YAML,
        {"request": lambda text: parse_yaml(text.encode()), "load_yaml": _expression("load_yaml(_)")},
    ),
    (
        texts.MARKUP,
        {
            "feed": lambda text: read_feed(text.encode()),
            "markdown_to_html": _expression("markdown_to_html(_)"),
            "html_to_markdown": _expression("html_to_markdown(_)"),
            "chunk_doc": _expression("chunk_doc(_)"),
        },
    ),
    (
        texts.TABLES,
        {"csv.reader": _expression("csv.reader(_)"), "csv.DictReader": _expression("csv.DictReader(_)")},
    ),
    (
        texts.CODES,
        {
            "base64.b64decode": _expression("base64.b64decode(_)"),
            "file of a tool": decoded,
            "parse_qs": _expression("urllib.parse.parse_qs(_)"),
            "urlparse": _expression("urllib.parse.urlparse(_)"),
            "unquote": _expression("urllib.parse.unquote(_)"),
        },
    ),
]


def _outcome(read: Reader, text: str) -> str:
    try:
        read(text)
    except REFUSALS:
        return "refused"
    except BaseException as error:  # noqa: BLE001  # a panic is what this looks for
        return f"{type(error).__name__}: {error}"[:200]
    return "read"


def _peak_megabytes() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) // 1024


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    print(json.dumps({"megabytes": _peak_megabytes()}), flush=True)
    for kinds, readers in BATTERY:
        for kind, make in kinds.items():
            text = make()
            for name, read in readers.items():
                sys.stdout.write(f'{{"reader": "{name}", "text": "{kind}", ')
                sys.stdout.flush()
                outcome = _outcome(read, text)
                sys.stdout.write(f'"outcome": {json.dumps(outcome)}, "megabytes": {_peak_megabytes()}}}\n')


main()
