"""Papers of arXiv, read from its Atom feed."""

from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from agents.tool_types import Effect
from agents.tools.errors import ToolError
from agents.tools.integrations.files import encoded
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch

# arXiv itself gives no more at once.
_MOST_RESULTS = 2_000
# A tag or text longer than this is in no feed: the parser would build a million attributes of one tag.
_LONGEST_PART = 64 * 1024
_MOST_PARTS = 400_000
_MAX_LEVELS = 50
_NAMES = {"atom": "http://www.w3.org/2005/Atom", "arxiv": "http://arxiv.org/schemas/atom"}


def search(call: IntegrationCall) -> dict[str, Any]:
    """`{result: [paper]}`; with `download_pdf` each paper has its file as base64."""
    arguments = call.arguments
    answer = fetch(
        call,
        "GET",
        f"{address_of('arxiv', 'https://export.arxiv.org')}/api/query",
        params={
            "search_query": arguments["query"],
            "id_list": ",".join(arguments.get("id_list") or ()),
            "max_results": min(arguments["max_results"], _MOST_RESULTS),
            "sortBy": arguments["sort_by"],
            "sortOrder": arguments["sort_order"],
        },
    )
    papers = [_paper(entry) for entry in read_feed(answer.content).iterfind("atom:entry", _NAMES)]
    if arguments["download_pdf"]:
        papers = [{**paper, "pdf_downloaded": _pdf(call, paper)} for paper in papers]
    return {"result": papers}


def read_feed(content: bytes) -> Element:
    """The feed. A document type could define entities that grow without bound; a feed has none.

    Raises:
        ToolError: it is something else, or more than a feed could be.
    """
    try:
        feed = content.decode("utf-8")
        if "<!DOCTYPE" in feed or not _is_moderate(content):
            raise ToolError("arXiv did not answer with a feed")
        parser = XMLParser(target=_FlatTree())  # noqa: S314  # no document type, so no entities
        parser.feed(feed)
        root: Element = parser.close()
        return root
    except (UnicodeDecodeError, ParseError) as error:
        raise ToolError("arXiv did not answer with a feed", repeatable=True) from error


def _is_moderate(content: bytes) -> bool:
    """No more elements than would be built in a moment. Every tag ends with this character."""
    return content.count(b">") <= _MOST_PARTS and max(map(len, content.split(b">"))) <= _LONGEST_PART


class _FlatTree(TreeBuilder):
    """Refuses to build what is nested deep."""

    def __init__(self) -> None:
        super().__init__()
        self._levels = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        """Begin an element."""
        self._levels += 1
        if self._levels > _MAX_LEVELS:
            raise ParseError(f"nested deeper than {_MAX_LEVELS} levels")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        """End one."""
        self._levels -= 1
        return super().end(tag)


def _paper(entry: Element) -> dict[str, Any]:
    links = [link.attrib for link in entry.iterfind("atom:link", _NAMES)]
    primary = entry.find("arxiv:primary_category", _NAMES)
    return {
        "entry_id": _text(entry, "atom:id"),
        "title": _text(entry, "atom:title"),
        "updated": _text(entry, "atom:updated"),
        "published": _text(entry, "atom:published"),
        "authors": [_text(author, "atom:name") for author in entry.iterfind("atom:author", _NAMES)],
        "summary": _text(entry, "atom:summary"),
        "comment": _text(entry, "arxiv:comment"),
        "journal_ref": _text(entry, "arxiv:journal_ref"),
        "doi": _text(entry, "arxiv:doi"),
        "primary_category": None if primary is None else primary.get("term"),
        "categories": [category.get("term") for category in entry.iterfind("atom:category", _NAMES)],
        "links": [link.get("href") for link in links],
        "pdf_url": next((link.get("href") for link in links if link.get("title") == "pdf"), None),
    }


def _text(element: Element, path: str) -> str | None:
    found = element.findtext(path, None, _NAMES)
    return None if found is None else " ".join(found.split())


def _pdf(call: IntegrationCall, paper: dict[str, Any]) -> dict[str, str] | None:
    if not paper["pdf_url"]:
        return None
    answer = fetch(call, "GET", paper["pdf_url"], follow_redirects=True)
    return {
        "base64": encoded(answer.content),
        "mime_type": "application/pdf",
        "title": paper["title"] or "",
    }


METHODS = (
    Method(
        provider="arxiv",
        name="search",
        effect=Effect.READS,
        description="Search arXiv for scientific papers. Gives titles, authors, abstracts and links.",
        run=search,
        arguments=schema(
            "query",
            query=text("What to search for, in arXiv's query syntax"),
            id_list={"type": "array", "items": {"type": "string"}, "description": "Ids of papers to search among"},
            max_results={"type": "integer", "minimum": 1, "maximum": 300_000, "default": 5},
            download_pdf={"type": "boolean", "default": False, "description": "Whether to give the files as well"},
            sort_by={"enum": ["relevance", "lastUpdatedDate", "submittedDate"], "default": "relevance"},
            sort_order={"enum": ["ascending", "descending"], "default": "descending"},
        ),
    ),
)
