"""Text helpers for prompts: Markdown to HTML and back, and cutting a text into chunks."""

import html
import re
from itertools import islice
from urllib.parse import quote

from markdown_it import MarkdownIt

from tasks.expressions.callables import Group
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.limits import MAX_PARSER_INPUT, Budget
from tasks.expressions.values import Value, fail, type_name

GROUP = Group("Text")

_MAX_MARKUP = 100_000
_MARKUP_BOUND = f"{_MAX_MARKUP:,} characters"
# Where sentences meet: at a blank after a mark; after the marks of scripts that put no blank there, with what closes a
# quotation; and in scripts without marks, where a blank stands between sentences only.
_BETWEEN_SENTENCES = re.compile(
    r"(?<=[.!?؟۔।॥።])\s+|[。！？｡။។།]+[」』”’）】》〉]*(?P<blank>\s*)"
    r"|(?<=[\u0e00-\u0eff\u1780-\u17ff])\s+(?=[\u0e00-\u0eff\u1780-\u17ff])"
)
_MAX_SENTENCES = 50_000
# What begins a list or a quote, once or nested.
_LINE_MARKS = re.compile(r"^[ \t\d>*+.)-]+", re.MULTILINE)
_LEVELS = 20
_LINE_COST = 100
_LEVEL_COST = 20
# Text is read from one of these to the next; after each bracket that begins no link, once more, up to the last level.
_STOPS = re.compile(r"[\n!#$%&*+\-:<=>@\[\\\]^_`{}~]")
_STOP_COST = 5
# What begins a block whatever stands before it, so that nothing is read across.
_BLOCK_BEGINS = re.compile(r"\n[ \t]*\n|\n(?= {0,3}(?:[-*+] +\S|#{1,6} ))")
# Of characters that begin notation inside a line.
_MARK_COSTS = {"[": 150, "*": 40, "_": 40, "`": 20, "<": 20, "&": 20, "\\": 20}
_KEPT_IN_ADDRESSES = "!#$%&'()*+,-./:;=?@[]_~"
_SAFE_ADDRESS = re.compile(r"(?:https?://|mailto:|[/#.]|[\w-]+(?:[/.#?]|$))", re.IGNORECASE)
_TAG_NAME = re.compile(r"/?\s*([A-Za-z][A-Za-z0-9]{0,20})")
_HREF = re.compile(r"""\b(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


def _markup(budget: Budget, text: Value) -> str:
    if type(text) is not str:
        fail("TypeError", f"text is needed, not {type_name(text)}")
    if len(text) > _MAX_MARKUP:
        raise LimitExceeded(f"at most {_MAX_MARKUP:,} characters of markup")
    budget.charge(len(text))
    # A letter of an address is written as up to twelve.
    budget.grow_text(14 * len(text))
    return text


@GROUP.add(
    "chunk_doc(text, sentences=15, overlap=3)",
    "A list of chunks of that many sentences, each sharing some with the one before.",
    f"{MAX_PARSER_INPUT:,} characters",
)
def _chunk_doc(budget: Budget, text: Value, sentences: Value = 15, overlap: Value = 3) -> list[str]:
    if type(text) is not str or len(text) > MAX_PARSER_INPUT:
        fail("ValueError", f"chunk_doc takes a text of at most {MAX_PARSER_INPUT:,} characters")
    if type(sentences) is not int or type(overlap) is not int or not 0 <= overlap < sentences:
        fail("ValueError", "overlap must be smaller than the number of sentences")
    budget.charge(1 + len(text) // 8)
    parts = _sentences(text)
    step = sentences - overlap
    budget.grow_items(1 + len(parts) // step, each=64)
    budget.grow_text(len(text) * (1 + sentences // step), wide=not text.isascii())
    last = max(1, len(parts) - overlap)
    starts = range(0, last, step) if parts else range(0)
    return [_joined(parts[start : start + sentences]) for start in starts]


def _joined(parts: list[tuple[str, str]]) -> str:
    return "".join(map("".join, parts[:-1])) + parts[-1][0]


def _sentences(text: str) -> list[tuple[str, str]]:
    """Each with the blank that follows it, if one does."""
    found: list[tuple[str, str]] = []
    start = 0
    for between in islice(_BETWEEN_SENTENCES.finditer(text), _MAX_SENTENCES):
        end = between.start() if between["blank"] is None else between.start("blank")
        found.append((text[start:end], " " if between.end() > end else ""))
        start = between.end()
    found.append((text[start:], ""))
    return [part for part in found if part[0].strip()]


@GROUP.add(
    "markdown_to_html(text)",
    "Markdown as HTML, by CommonMark, without references; HTML in it is escaped.",
    f"{_MARKUP_BOUND}, {_LEVELS} levels",
)
def _markdown_to_html(budget: Budget, text: Value) -> str:
    source = _markup(budget, text).replace("\r\n", "\n").replace("\r", "\n")
    budget.charge(_markdown_cost(source))
    tokens = _notation.parse(source)
    # The library leaves out what is deeper.
    if any(token.level >= _LEVELS - 1 for token in tokens):
        raise LimitExceeded(f"Markdown may be nested at most {_LEVELS} levels deep")
    return str(_notation.renderer.render(tokens, _notation.options, {})).rstrip("\n")


class _Notation(MarkdownIt):
    """CommonMark without what makes its text, or its cost, a product of two sizes that the author chooses."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "xhtmlOut": False, "maxNesting": _LEVELS})
        self.disable("reference")

    def validateLink(self, url: str) -> bool:
        return _SAFE_ADDRESS.match(url) is not None

    def normalizeLink(self, url: str) -> str:
        return quote(url, safe=_KEPT_IN_ADDRESSES)

    def normalizeLinkText(self, link: str) -> str:
        return link


_notation = _Notation()


def _markdown_cost(text: str) -> int:
    """What reading it takes at most: a quote is read once for each level it has anywhere."""
    begun = _LINE_MARKS.findall(text)
    levels = min(_LEVELS, max((marks.count(">") for marks in begun), default=0))
    markers = sum(map("".join(begun).count, ">*+-.)"))
    inline = sum(cost * text.count(mark) for mark, cost in _MARK_COSTS.items())
    blocks = (len(_STOPS.findall(block)) * (1 + min(_LEVELS, block.count("["))) for block in _BLOCK_BEGINS.split(text))
    return (text.count("\n") + markers) * (_LINE_COST + _LEVEL_COST * levels) + inline + _STOP_COST * sum(blocks)


@GROUP.add(
    "html_to_markdown(text)", "The text of an HTML page with headings, lists, emphasis and links.", _MARKUP_BOUND
)
def _html_to_markdown(budget: Budget, text: Value) -> str:
    return _Tags().convert(_markup(budget, text))


_SKIPPED = ("script", "style")
_PARAGRAPHS = ("p", "div", "section", "article", "table", "ul", "ol", "blockquote", "pre")
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_ALIKE = {"strong": "**", "b": "**", "em": "*", "i": "*", "code": "`", "br": "\n", "tr": "\n"} | dict.fromkeys(
    _PARAGRAPHS, "\n\n"
)
_AT_START = {**_ALIKE, "li": "\n- "} | {name: f"\n\n{marks} " for name, marks in _HEADINGS.items()}
_AT_END = _ALIKE | dict.fromkeys(_HEADINGS, "\n\n")


class _Tags:
    """Walks over the tags of an HTML text and writes Markdown."""

    def __init__(self) -> None:
        self.output: list[str] = []
        self.address = ""

    def convert(self, text: str) -> str:
        position = end = 0
        while (start := text.find("<", position)) >= 0:
            end = end if end > start else text.find(">", start)
            if end < 0:
                break
            self.text(text[position:start])
            position = self.tag(text, start, end)
        self.text(text[position:])
        return _BLANK_LINES.sub("\n\n", "".join(self.output)).strip()

    def text(self, text: str) -> None:
        self.output.append(html.unescape(" ".join(text.split()) if text.strip() else " " * bool(text)))
        if text[-1:].isspace() and text.strip():
            self.output.append(" ")

    def tag(self, text: str, start: int, end: int) -> int:
        """Handle one tag; returns the position after it (and after what it hides)."""
        match = _TAG_NAME.match(text, start + 1, end)
        if match is None:
            return self.other(text, start, end)
        name, is_end = match[1].lower(), text[start + 1] == "/"
        if name in _SKIPPED and not is_end:
            closing = text.find(f"</{name}", end)
            return len(text) if closing < 0 else closing
        self.write(name, is_end, text[start + 1 : min(end, start + 2000)])
        return end + 1

    def other(self, text: str, start: int, end: int) -> int:
        if text.startswith("<!--", start):
            closing = text.find("-->", start)
            return len(text) if closing < 0 else closing + 3
        if text[start + 1 : start + 2] not in "!?":
            self.output.append("<")
            return start + 1
        return end + 1

    def write(self, name: str, is_end: bool, tag: str) -> None:
        if name == "a":
            self.link(is_end, tag)
        else:
            self.output.append((_AT_END if is_end else _AT_START).get(name, ""))

    def link(self, is_end: bool, tag: str) -> None:
        if is_end:
            self.output.append(f"]({self.address})" if self.address else "")
            self.address = ""
            return
        match = _HREF.search(tag)
        self.address = next(group for group in match.groups() if group is not None) if match else ""
        self.output.append("[" if self.address else "")
