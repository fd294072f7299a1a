"""Text helpers for prompts: Markdown to HTML and back, and cutting a text into chunks.

Both converters read the text once, line by line or tag by tag, and know the common notation only; what they do not
know stays text. HTML inside Markdown is escaped.
"""

import html
import re

from tasks.expressions.callables import Group
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.limits import MAX_PARSER_INPUT, Budget
from tasks.expressions.values import Value, fail, type_name

GROUP = Group("Text")

_MAX_MARKUP = 100_000
_MARKUP_BOUND = f"{_MAX_MARKUP:,} characters"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_BULLET = re.compile(r"\s{0,3}[-*+]\s+(.*)")
_NUMBERED = re.compile(r"\s{0,3}\d{1,9}[.)]\s+(.*)")
_RULE = re.compile(r"(?:-{3,}|\*{3,}|_{3,})\s*")
_INLINE = re.compile(
    r"`(?P<code>[^`\n]{1,500})`"
    r"|\*\*(?P<strong>[^*\n]{1,500})\*\*"
    r"|\*(?P<em>[^*\s][^*\n]{0,500})\*"
    r"|(?P<image>!?)\[(?P<label>[^\[\]\n]{0,500})\]\((?P<address>[^()\s]{1,1000})\)"
)
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
    budget.grow_text(8 * len(text))
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
    parts = [part for part in _SENTENCE_END.split(text, maxsplit=50_000) if part.strip()]
    step = sentences - overlap
    budget.grow_items(1 + len(parts) // step, each=64)
    budget.grow_text(len(text) * (1 + sentences // step), wide=not text.isascii())
    last = max(1, len(parts) - overlap)
    return [" ".join(parts[start : start + sentences]) for start in range(0, last, step)] if parts else []


@GROUP.add("markdown_to_html(text)", "Headings, lists, quotes, code, emphasis and links as HTML.", _MARKUP_BOUND)
def _markdown_to_html(budget: Budget, text: Value) -> str:
    return _Blocks().convert(_markup(budget, text))


class _Blocks:
    """Turns lines of Markdown into blocks of HTML."""

    def __init__(self) -> None:
        self.output: list[str] = []
        self.paragraph: list[str] = []
        self.list_tag = ""

    def convert(self, text: str) -> str:
        code: list[str] | None = None
        for line in text.splitlines():
            if line.lstrip().startswith("```"):
                code = self.fence(code)
            elif code is not None:
                code.append(html.escape(line, quote=False))
            else:
                self.line(line)
        if code is not None:
            self.fence(code)
        self.close()
        return "\n".join(self.output)

    def fence(self, code: list[str] | None) -> list[str] | None:
        if code is None:
            self.close()
            return []
        self.output.append("<pre><code>" + "".join(f"{line}\n" for line in code) + "</code></pre>")
        return None

    def line(self, line: str) -> None:
        if not line.strip():
            self.close()
        elif match := _HEADING.fullmatch(line):
            self.block(f"h{len(match[1])}", match[2].rstrip("# "))
        elif _RULE.fullmatch(line):
            self.close()
            self.output.append("<hr>")
        elif line.startswith(">"):
            self.block("blockquote", line.lstrip("> "))
        elif match := _BULLET.fullmatch(line):
            self.entry("ul", match[1])
        elif match := _NUMBERED.fullmatch(line):
            self.entry("ol", match[1])
        else:
            if self.list_tag:
                self.close()
            self.paragraph.append(line.strip())

    def block(self, tag: str, text: str) -> None:
        self.close()
        self.output.append(f"<{tag}>{_inline(text)}</{tag}>")

    def entry(self, tag: str, text: str) -> None:
        if self.list_tag != tag:
            self.close()
            self.list_tag = tag
            self.output.append(f"<{tag}>")
        self.output.append(f"<li>{_inline(text)}</li>")

    def close(self) -> None:
        if self.list_tag:
            self.output.append(f"</{self.list_tag}>")
            self.list_tag = ""
        if self.paragraph:
            self.output.append("<p>" + _inline("\n".join(self.paragraph)) + "</p>")
            self.paragraph = []


def _inline(text: str) -> str:
    pieces: list[str] = []
    position = 0
    for match in _INLINE.finditer(text):
        pieces += [html.escape(text[position : match.start()], quote=False), _inline_piece(match)]
        position = match.end()
    pieces.append(html.escape(text[position:], quote=False))
    return "".join(pieces)


def _inline_piece(match: re.Match[str]) -> str:
    if match["code"] is not None:
        return f"<code>{html.escape(match['code'], quote=False)}</code>"
    if match["strong"] is not None:
        return f"<strong>{html.escape(match['strong'], quote=False)}</strong>"
    if match["em"] is not None:
        return f"<em>{html.escape(match['em'], quote=False)}</em>"
    label = html.escape(match["label"])
    if not _SAFE_ADDRESS.match(match["address"]):
        return label
    address = html.escape(match["address"])
    return f'<img src="{address}" alt="{label}">' if match["image"] else f'<a href="{address}">{label}</a>'


@GROUP.add(
    "html_to_markdown(text)", "The text of an HTML page with headings, lists, emphasis and links.", _MARKUP_BOUND
)
def _html_to_markdown(budget: Budget, text: Value) -> str:
    return _Tags().convert(_markup(budget, text))


_SKIPPED = ("script", "style")
_MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "code": "`"}
_PARAGRAPHS = ("p", "div", "section", "article", "table", "ul", "ol", "blockquote", "pre")


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
        if name in _MARKS:
            self.output.append(_MARKS[name])
        elif name in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.output.append("\n\n" if is_end else "\n\n" + "#" * int(name[1]) + " ")
        elif name == "li":
            self.output.append("" if is_end else "\n- ")
        elif name in ("br", "tr"):
            self.output.append("\n")
        elif name == "a":
            self.link(is_end, tag)
        elif name in _PARAGRAPHS:
            self.output.append("\n\n")

    def link(self, is_end: bool, tag: str) -> None:
        if is_end:
            self.output.append(f"]({self.address})" if self.address else "")
            self.address = ""
            return
        match = _HREF.search(tag)
        self.address = next(group for group in match.groups() if group is not None) if match else ""
        self.output.append("[" if self.address else "")
