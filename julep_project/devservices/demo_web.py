"""The web services of the demo: a search over text files and a webhook that keeps what it receives."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply

_MOST_HITS = 5
_LONGEST_SNIPPET = 400
_WORD = re.compile(r"[a-z0-9]{2,}")
_TEXT_FILES = {".md", ".txt", ".rst"}


@dataclass(frozen=True)
class Passage:
    """A paragraph of a file with its words counted."""

    title: str
    text: str
    words: Counter[str]


class DemoWeb(LoopbackServer):
    """`GET /search?q=` (or `POST /search` with `{"query"}`), and `POST /webhook`."""

    def __init__(self, texts: Path | None = None, *, port: int = 0) -> None:
        super().__init__(port)
        self._passages = list(read_passages(texts)) if texts else []

    @property
    def deliveries(self) -> list[RecordedRequest]:
        """What the webhook received, in order."""
        return [request for request in self.requests if request.path == "/webhook"]

    def answer(self, request: RecordedRequest) -> Reply:
        """Search, take a delivery, or 404."""
        if request.path == "/webhook":
            return Reply(200, {"received": len(self.deliveries)})
        if request.path == "/search":
            query = _query_of(request)
            return Reply(200, search(self._passages, query)) if query else Reply(400, {"error": "no query"})
        return Reply(404, {"error": "nothing here"})


def read_passages(folder: Path) -> Iterable[Passage]:
    """Paragraphs of every text file below the folder."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _TEXT_FILES or not path.is_file():
            continue
        for paragraph in re.split(r"\n\s*\n", path.read_text(encoding="utf-8", errors="replace")):
            text = " ".join(paragraph.split())
            words = Counter(_WORD.findall(text.lower()))
            if len(words) > 3:
                yield Passage(path.stem.replace("_", " "), text, words)


def search(passages: Iterable[Passage], query: str) -> dict[str, Any]:
    """The passages that share most words with the query; `result` is their text in one piece."""
    wanted = set(_WORD.findall(query.lower()))
    scored = [(sum(min(passage.words[word], 3) for word in wanted), passage) for passage in passages]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], pair[1].title, pair[1].text))
    hits = [
        {"title": passage.title, "snippet": passage.text[:_LONGEST_SNIPPET], "score": score}
        for score, passage in best[:_MOST_HITS]
    ]
    return {"query": query, "hits": hits, "result": "\n".join(str(hit["snippet"]) for hit in hits)}


def _query_of(request: RecordedRequest) -> str:
    if request.method != "POST":
        return request.query.get("q") or request.query.get("query") or ""
    try:
        body = request.json()
    except ValueError:
        return ""
    return str(body.get("query") or body.get("q") or "") if isinstance(body, dict) else ""
