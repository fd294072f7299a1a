"""How values look on the pages."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from julep_project.console.form_number import NUMBER, new_number
from julep_project.console.sentences import Moment, Sentence, Since, Until, one_line, span
from julep_project.core.clock import now, to_wire
from julep_project.core.reading.visible_text import LONGEST, cut, pieces, visible

register = template.Library()

_SHORT = 8
_END = 4


def _marked(text: str) -> SafeString:
    return format_html_join(
        "",
        "{}",
        ((format_html('<span class="mark">{}</span>', one.text) if one.is_mark else one.text,) for one in pieces(text)),
    )


@register.simple_tag
def number() -> SafeString:
    """A hidden field that tells a form from all others: what it asks for is done once."""
    return format_html('<input type="hidden" name="{}" value="{}">', NUMBER, new_number())


@register.filter
def text(value: Any, most: int = LONGEST) -> SafeString:
    """A text of somebody else: isolated, harmless, not too long."""
    shown, left = cut("" if value is None else str(value), most)
    return format_html("<bdi>{}{}</bdi>", _marked(shown), "…" if left else "")


@register.filter
def listed(texts: Sequence[str], most: int = LONGEST) -> SafeString | str:
    """Texts of somebody else with commas between; empty if there are none."""
    return text(", ".join(texts), most) if texts else ""


@register.filter
def value(value: Any, most: int = LONGEST) -> SafeString:
    """A JSON value in lines, cut."""
    return block(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2), most)


def block(whole: str, most: int) -> SafeString:
    """A text of many lines, cut, with how much was left away."""
    shown, left = cut(whole, most)
    told = format_html('<span class="left-away" data-left="{}"></span>', left) if left else ""
    return format_html('<pre class="value"><bdi>{}</bdi>{}</pre>', _marked(shown), told)


@register.filter
def when(moment: datetime | None) -> SafeString:
    """A moment: UTC here, the browser's zone once the page is read."""
    if moment is None:
        return mark_safe('<span class="none">–</span>')  # noqa: S308  (constant)
    utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', to_wire(moment), to_wire(moment), utc.strftime("%Y-%m-%d %H:%M:%S")
    )


@register.filter
def ago(moment: datetime | None) -> SafeString:
    """How long ago it is, going on while the page is open."""
    if moment is None:
        return mark_safe('<span class="none">–</span>')  # noqa: S308  (constant)
    told = duration(now() - moment)
    return format_html('<time datetime="{}" title="{}" data-ago>{}</time>', to_wire(moment), to_wire(moment), told)


@register.filter
def left(moment: datetime | None) -> SafeString | str:
    """How long it is until then, going on while the page is open."""
    return "–" if moment is None else _part(Until(moment))


@register.filter
def iso(moment: datetime) -> str:
    """As an address has it."""
    return to_wire(moment)


@register.filter
def duration(length: timedelta | float | None) -> str:
    """`0.2 s`, `31 s`, `5 h 41 min`."""
    return "–" if length is None else span(length)


@register.filter
def short(identifier: UUID | str | None) -> SafeString:
    """An id by its beginning and end: ids of one minute begin alike."""
    if identifier is None:
        return mark_safe('<span class="none">–</span>')  # noqa: S308  (constant)
    whole = str(identifier)
    return format_html('<code class="id" title="{}">{}…{}</code>', whole, whole[:_SHORT], whole[-_END:])


@register.filter
def money(cost: Decimal | float | None) -> str:
    """US dollars; nothing is guessed where no price is known."""
    if cost is None:
        return "–"
    return f"${cost:.2f}" if cost >= 1 else f"${cost:.4f}"


@register.filter
def count(number: int | None) -> str:
    """A number with its thousands apart."""
    return "–" if number is None else f"{number:,}".replace(",", "\u202f")


@register.filter
def plain(value: Any, most: int = LONGEST) -> str:
    """The same as `text` for places where there can be no markup, such as a title."""
    shown, rest = cut("" if value is None else str(value), most)
    return visible(shown) + ("…" if rest else "")


@register.filter
def pairs(told: str) -> list[list[str]]:
    """`a:b,c:d` as pairs."""
    return [pair.split(":") for pair in told.split(",")]


@register.filter
def split_words(told: str) -> list[str]:
    """`a,b` as a list."""
    return told.split(",")


@register.simple_tag
def span_of(begin: Any, end: Any) -> str:
    """The time between two moments of a step, which are told in milliseconds."""
    return span((end - begin) / 1000) if isinstance(begin, int | float) and isinstance(end, int | float) else "–"


@register.filter
def percent(share: float | None) -> str:
    """A part of one; what is not nothing is not told as nothing."""
    if share is None:
        return "–"
    return "<1 %" if 0 < share < 0.01 else f"{share * 100:.0f} %"


@register.filter
def names(settings: Any) -> str:
    """The names of an object's parts."""
    return ", ".join(settings) if isinstance(settings, dict) else ""


@register.simple_tag
def sparkline(numbers: list[int]) -> SafeString:
    """A row of small bars."""
    most = max([*numbers, 1])
    heights = ((place * 4, max(number * 16 / most, 1.5)) for place, number in enumerate(numbers) if number)
    bars = "".join(f"M{left} 16v-{height:.1f}h3v{height:.1f}z" for left, height in heights)
    shape = '<svg class="spark" viewBox="0 0 {} 16" aria-hidden="true"><path d="{}"></path></svg>'
    return format_html(shape, len(numbers) * 4, bars)


@register.simple_tag
def between(begin: datetime, end: datetime) -> str:
    """How long it took."""
    return span(end - begin)


@register.simple_tag
def amount(number: Any, unit: str) -> str:
    """A number in its unit; nothing counted is none."""
    if unit == "count":
        return count(number or 0)
    return money(number) if unit == "money" else duration(number)


@register.simple_tag
def meter(share: float | None) -> SafeString:
    """A part of one as a bar, with its number."""
    width = round((share or 0) * 100)
    shape = '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{}</svg> {}'
    return format_html(shape, format_html('<rect width="{}" height="8"></rect>', width), percent(share))


@register.simple_tag
def thousandths(share: float) -> str:
    """A part of one where the whole is a thousand units wide."""
    return f"{share * 1000:.1f}"


_SECTIONS = {"new": "new messages", "rounds": "calls made meanwhile", "tools": "tools offered"}


@register.filter
def section(name: str) -> str:
    """What a section of a prompt is called."""
    return _SECTIONS.get(name, name)


_WAIT_KINDS = {
    "input": "question",
    "approval": "tool approval",
    "attention": "needs attention",
    "budget": "budget",
    "event": "event",
    "connection": "sign-in",
    "elicitation": "question of a server",
}


@register.filter
def wait_kind(kind: str) -> str:
    """What a kind of wait is called."""
    return _WAIT_KINDS.get(kind, kind)


_BULK_TONES = {"succeeded": "succeeded", "failed": "failed", "aborted": "cancelled", "pending": "queued"}


@register.filter
def bulk_tone(state: str) -> str:
    """The dot of a state of a bulk action, as runs have them."""
    return _BULK_TONES.get(state, "running")


_TONES = {
    "accepted": "succeeded",
    "active": "succeeded",
    "answered": "succeeded",
    "changed": "awaiting_input",
    "connected": "succeeded",
    "delivered": "succeeded",
    "disabled": "cancelled",
    "done": "succeeded",
    "dropped": "cancelled",
    "enabled": "succeeded",
    "ended": "cancelled",
    "expired": "failed",
    "failing": "failed",
    "full": "awaiting_input",
    "gone": "cancelled",
    "handed_out": "succeeded",
    "new": "queued",
    "paused": "cancelled",
    "pending": "queued",
    "refused": "failed",
    "skipped": "cancelled",
    "started": "running",
    "unreachable": "failed",
    "waiting": "queued",
}


@register.filter
def tone(state: str) -> str:
    """The dot of a state of something, as runs have them."""
    return _TONES.get(state, state)


@register.simple_tag
def bar_parts(bar: Any, most: int, place: int) -> SafeString:
    """The parts of one bar of a histogram of 40 units of height, the failed ones at its foot."""
    parts, foot = [], 40.0
    for kind in ("failed", "open", "ended"):
        height = max(bar[kind] * 38 / most, 1.0) if bar[kind] else 0.0
        foot -= height
        if height:
            parts.append((kind, place * 10 + 1, f"{max(foot, 0):.1f}", f"{height:.1f}"))
    return format_html_join("", '<rect class="{}" x="{}" y="{}" width="8" height="{}"></rect>', parts)


@register.filter
def words(status: str) -> str:
    """A status as people write it."""
    return status.replace("_", " ")


@register.filter
def sentence(told: Sentence) -> SafeString:
    """A sentence with its parts made harmless; times go on while the page is open."""
    return format_html(told.form, *(_part(part) for part in told.parts))


def _part(part: Any) -> SafeString | str:
    match part:
        case Since():
            return ago(part.at)
        case Until():
            stamp, left = to_wire(part.at), span(part.at - now())
            return format_html('<time datetime="{}" title="{}" data-until>{}</time>', stamp, stamp, left)
        case Moment():
            return when(part.at)
        case str():
            return format_html("<b><bdi>{}</bdi></b>", one_line(part))
    return str(part)


@register.simple_tag(takes_context=True)
def link(context: template.Context, **changes: Any) -> str:
    """The page's own address with some of its parameters changed; None takes one away. The place in a list is left."""
    query = context["request"].GET.copy()
    query.pop("after", None)
    for name, given in changes.items():
        query.pop(name, None)
        if given is not None:
            query[name] = str(given)
    told = query.urlencode()
    return f"?{told}" if told else "?"


@register.filter
def beside(line: Any, columns: Any) -> list[tuple[Any, Any]]:
    """The columns of a comparison, each with its cell of a line."""
    return list(zip(columns, line.cells, strict=True))


@register.filter
def said(cell: Any) -> SafeString:
    """What a step gave: of a model's answer the text, of anything else the JSON."""
    told = cell.output
    if told.is_cut:
        return block(told.text, LONGEST)
    given = json.loads(told.text)
    answer = text_of_answer(given)
    return block(
        given if isinstance(given, str) else answer or json.dumps(given, ensure_ascii=False, indent=2), LONGEST
    )


def text_of_answer(given: Any) -> str:
    """Of a whole answer of a model the text of its first choice; empty for anything else."""
    choices = given.get("choices") if isinstance(given, dict) else None
    message = (
        choices[0].get("message") if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    )
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""
