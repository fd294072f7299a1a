"""Doubled braces that are no template: literal braces, as in an f-string.

Prompts show JSON in doubled or tripled braces, because they once were f-strings or are made by programs that escape
braces so. What Jinja cannot read, and what reads nothing of the run, is shown with single braces.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from tasks.expressions.errors import LimitExceeded, TemplateSyntaxError
from tasks.expressions.templates.templates import compile_template
from tasks.language.slots import MAX_SLOTS, Slot, read_slot, split_text, try_compile
from tasks.language.values import Literal, TemplateValue, TextValue, Value

Names = frozenset[str]

_RUN = re.compile(r"\{+|\}+")
_RAW = re.compile(r"\{%[-+]?\s*raw\b")
_QUOTED = re.compile(r""""[^"\n]*"|'[^'\n]*'""")


@dataclass(frozen=True, slots=True)
class Written:
    """A part of a text that stays as it is, braces included."""

    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A part whose braces are shown, with `text` as it is shown."""

    text: str


@dataclass(frozen=True, slots=True)
class Marked:
    """`{{ }}` that Jinja reads."""

    text: str


Part = Written | Shown | Marked | Slot


def literal_braces(text: str, names: Names, *, is_template: bool) -> Value | None:
    """What the text is with literal braces; nothing if it has none. `is_template` says that Jinja reads all of it.

    Raises:
        ExpressionError: doubled braces read something of the run, and are no template; or there are too many.
    """
    if _RAW.search(text):
        return None
    parts = _parts(text, names, is_template=is_template)
    if not any(isinstance(part, Shown) for part in parts):
        return None
    if any(isinstance(part, Slot) for part in parts):
        # An f-string: what would be an empty text of a template is a literal, too.
        parts = [_shown_if_empty(part, names) for part in parts]
    if "{%" in text or any(isinstance(part, Marked) for part in parts):
        return TemplateValue(compile_template("".join(map(_template_source, parts))))
    pieces: list[str | Slot] = []
    for is_slot, group in groupby(parts, lambda part: isinstance(part, Slot)):
        if is_slot:
            pieces += [part for part in group if isinstance(part, Slot)]
        else:
            joined = "".join(part.text for part in group if not isinstance(part, Slot))
            pieces += split_text(joined, names) if joined else []
    return Literal(pieces[0]) if len(pieces) == 1 and isinstance(pieces[0], str) else TextValue(tuple(pieces))


def _shown_if_empty(part: Part, names: Names) -> Part:
    return Shown(single_braces(part.text)) if isinstance(part, Marked) and not _reads(part.text, names) else part


def _template_source(part: Part) -> str:
    if isinstance(part, Slot):
        return f"{{{{ {part.source} }}}}"
    if isinstance(part, Shown):
        return _RUN.sub(lambda run: "".join(f"{{{{ '{brace}' }}}}" for brace in run[0]), part.text)
    return part.text


def _parts(text: str, names: Names, *, is_template: bool) -> list[Part]:
    parts: list[Part] = []
    done = 0
    groups = doubled_braces(text)
    if len(groups) > MAX_SLOTS:
        raise LimitExceeded(f"a text may hold at most {MAX_SLOTS:,} expressions", source=text[:100])
    for group in groups:
        source = text[group.start : group.end]
        parts.append(Written(text[done : group.start]))
        if group.is_triple and not _reads(source, names) and (not is_template or _is_data(source)):
            parts.append(Shown(single_braces(source)))
        else:
            parts += [Marked(source)] if is_template else _meant(source, group, names)
        done = group.end
    return [*parts, Written(text[done:])]


def _reads(source: str, names: Names) -> bool:
    """Whether a name of the run stands there as a word: neither quoted, nor as a key, nor in a slot of its own."""
    pieces = split_text(single_braces(source)[1:].removesuffix("}"), names)
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    return _word(names).search(_QUOTED.sub('""', text)) is not None


def _is_data(source: str) -> bool:
    expression = try_compile(source[2:-2])
    return expression is not None and expression.is_literal


def _meant(source: str, group: "Braces", names: Names) -> list[Part]:
    """What one pair of doubled or tripled braces is in a text that is no template as a whole."""
    if group.is_triple and (slot := read_slot(source[3:-3].strip())) is not None and slot.names & names:
        return [Shown("{"), slot, Shown("}")]
    try:
        compile_template(source)
    except TemplateSyntaxError:
        slot = None if source.startswith("{{{{") else read_slot(source[2:-2].strip())
        if slot is not None and not slot.is_literal:
            return [slot]
        if _reads(source, names):
            raise
        return [Shown(single_braces(source))]
    return [Marked(source)]


@dataclass(frozen=True, slots=True)
class Braces:
    """From the first of the braces that open to after the last that close; without those, to the end of the text."""

    start: int
    end: int
    is_triple: bool


def doubled_braces(text: str) -> list[Braces]:
    """All that are doubled or tripled, from left to right, none inside another."""
    found: list[Braces] = []
    start, level, width = -1, 0, 0
    for position, here, brace, depth in _braces(text):
        if start < 0:
            if brace == "{" and here > 1:
                start, level, width = position, depth, here
        elif brace == "}" and depth < level:
            found.append(Braces(start, position + here, width == here == 3))
            start = -1
    if start >= 0:
        found.append(Braces(start, len(text), False))
    return found


def single_braces(text: str) -> str:
    """The text with each brace once."""
    pieces: list[str] = []
    start = 0
    for position, width, brace, _ in _braces(text):
        pieces += [text[start:position], brace]
        start = position + width
    return "".join([*pieces, text[start:]])


@lru_cache(maxsize=64)
def _word(names: Names) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(names)))})(?!\w)(?!\s*:)")


def _braces(text: str) -> Iterator[tuple[int, int, str, int]]:
    """Position, how many stand for one, which, and how many are open after it. One closes as it was opened."""
    opened: list[int] = []
    for run in _RUN.finditer(text):
        position, brace = run.start(), run[0][0]
        while left := run.end() - position:
            if brace == "{":
                width = 3 if left == 3 else min(left, 2)
                opened.append(width)
            else:
                width = min(left, opened.pop() if opened else 2)
            yield position, width, brace, len(opened)
            position += width
