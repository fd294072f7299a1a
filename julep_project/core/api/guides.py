"""The guides in `docs/` as pages: what stands in them, and nothing that runs or is fetched from elsewhere."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDER = Path(__file__).parents[3] / "docs"
# In the order in which a newcomer meets them; the others follow by name.
_FIRST = ("language", "tools", "sessions", "documents", "models", "responses", "requests", "acting-on-runs")
_NOT_IN_NAMES = re.compile(r"[^\w\- ]")
_GUIDE = re.compile(r"((?:\.\./|[a-z-]+/)?[a-z-]+\.md)(#.*)?")
# The one piece of HTML that guides have: a place in them.
_PLACE = re.compile(r'<a id="[a-z-]+">|</a>')


@dataclass(frozen=True, slots=True)
class Guide:
    """`title` is how its page is headed, `place` where its file is below the folder of all guides."""

    name: str
    title: str
    place: str


@cache
def guides() -> Mapping[str, Guide]:
    """All guides by their names. They come with the code, so they are read once; an installation may have none."""
    files = [*sorted(FOLDER.glob("*.md")), *sorted(FOLDER.glob("*/*.md"))]
    places = {_named(place): place for place in (file.relative_to(FOLDER).as_posix() for file in files)}
    names = [*(name for name in _FIRST if name in places), *(name for name in places if name not in _FIRST)]
    return {name: Guide(name, _title(FOLDER / places[name]), places[name]) for name in names}


@cache
def html_of(guide: Guide) -> str:
    """What stands in it, safe to be put into a page as it is. Each is made when it is asked for: the longest takes a
    tenth of a second."""
    notation = MarkdownIt("commonmark").enable("table")
    text = (FOLDER / guide.place).read_text(encoding="utf-8")
    tokens = _shown(notation.parse(text), posixpath.dirname(guide.place))
    return str(notation.renderer.render(list(tokens), notation.options, {}))


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        return next(lines, "").strip("# \n").replace("`", "") or path.stem


def _named(place: str) -> str:
    """`triggers/webhooks.md` is the guide `triggers-webhooks`."""
    return place.removesuffix(".md").replace("/", "-")


def _shown(tokens: Iterable[Token], folder: str) -> Iterator[Token]:
    """Without HTML, with names for headings, and with links from guide to guide."""
    named: dict[str, int] = {}
    heading: Token | None = None
    for token in tokens:
        if token.type == "html_block":
            continue
        if token.type == "inline":
            token.children = [_mended(part, folder) for part in token.children or () if _is_shown(part)]
            if heading is not None:
                heading.attrSet("id", _name_of(token.content, named))
        heading = token if token.type == "heading_open" else None
        yield token


def _is_shown(part: Token) -> bool:
    return part.type != "html_inline" or _PLACE.fullmatch(part.content) is not None


def _mended(part: Token, folder: str) -> Token:
    """A link to a guide leads to its page. Of a picture there are the words that stand for it."""
    if part.type == "link_open" and (guide := _GUIDE.fullmatch(str(part.attrGet("href")))):
        place = posixpath.normpath(posixpath.join(folder, guide[1]))
        part.attrSet("href", f"{_named(place)}{guide[2] or ''}")
    return Token("text", "", 0, content=part.content) if part.type == "image" else part


def _name_of(heading: str, named: dict[str, int]) -> str:
    """The name by which links mean a heading; a repeated one gets a number."""
    name = _NOT_IN_NAMES.sub("", heading).strip().lower().replace(" ", "-")
    named[name] = times = named.get(name, -1) + 1
    return f"{name}-{times}" if times else name
