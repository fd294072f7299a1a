"""Why a run stands where it stands, in a sentence for each group of its open branches. No database here."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from executions.states import BranchStatus
from executions.waits.asked import first_text
from julep_project.core.reading.visible_text import visible

MOST_SENTENCES = 3
_LONGEST_TOLD = 300


@dataclass(frozen=True, slots=True)
class Since:
    """A moment in the past; said as how long ago it is."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Until:
    """A moment to come; said as how long it is until then."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment, said as it is."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Sentence:
    """`form` has a place `{}` for each part; texts among the parts are strangers'. `act` names what can be done, of the
    branch, of the wait, or of the run that is waited for."""

    kind: str
    form: str
    parts: tuple[Any, ...] = ()
    more: int = 0
    act: str = ""
    wait_id: Any = None

    def plain(self, now: datetime) -> str:
        """As a text."""
        return self.form.format(*(_told(part, now) for part in self.parts))


@dataclass(frozen=True, slots=True)
class Open:
    """An open branch of a run, as far as a sentence needs it. `label` is that of its step."""

    id: Any
    status: str
    label: str
    updated_at: datetime
    lease_until: datetime | None = None
    is_held: bool = False
    wake_at: datetime | None = None
    held_up: Mapping[str, Any] | None = None
    kind: str = ""
    target: str = ""
    key: str = ""
    attempts: int = 0
    most_attempts: int = 0
    note: Mapping[str, Any] | None = None
    wait_id: Any = None
    progress: str = ""
    asks: Any = None
    children: Mapping[str, int] = field(default_factory=dict)
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is known of the others: ready rows before a branch, and whether any call is under a lease."""

    rows_before: int = 0
    is_calling: bool = True


# What a person has to do comes first, then what may be wrong.
_ORDER = (
    "attention",
    "approval",
    "budget",
    "input",
    "held",
    "retry",
    "starved",
    "call",
    "ready",
    "run",
    "sleep",
    "pending",
    "join",
)


def sentences(branches: Iterable[Open], fleet: Fleet, now: datetime) -> list[Sentence]:
    """At most three: for groups of branches that are told alike, the first of each."""
    groups: dict[tuple[str, str], list[Sentence]] = {}
    for branch in branches:
        sentence = _sentence(branch, fleet, now)
        groups.setdefault((sentence.kind, branch.label), []).append(sentence)
    ordered = sorted(groups.values(), key=lambda group: _ORDER.index(group[0].kind))
    firsts = [(group[0], len(group) - 1) for group in ordered[:MOST_SENTENCES]]
    return [Sentence(one.kind, one.form, one.parts, more, one.act, one.wait_id) for one, more in firsts]


def _sentence(branch: Open, fleet: Fleet, now: datetime) -> Sentence:
    if branch.held_up and not branch.is_held and branch.status in (BranchStatus.RUNNING, BranchStatus.CALLING):
        return _held_up(branch)
    match branch.status:
        case BranchStatus.PENDING:
            return Sentence("pending", "{} waits for its turn.", (branch.label,))
        case BranchStatus.READY:
            return _ready(branch, fleet)
        case BranchStatus.RUNNING:
            return _running(branch, now)
        case BranchStatus.CALLING:
            return _calling(branch, fleet, now)
        case BranchStatus.SLEEPING:
            return _sleeping(branch)
        case BranchStatus.AWAITING_INPUT:
            return _awaiting(branch)
    return _joining(branch)


def _held_up(branch: Open) -> Sentence:
    held = branch.held_up or {}
    form = "{} waits for {}: {}"
    parts: tuple[Any, ...] = (branch.label, str(held.get("by", "")), str(held.get("error", "")))
    act = "run" if held.get("run") else ""
    if branch.wake_at is None:
        return Sentence("held", f"{form}.", parts, act=act, wait_id=held.get("run"))
    form, parts = f"{form}; it is looked at again in {{}}.", (*parts, Until(branch.wake_at))
    return Sentence("held", form, parts, act=act, wait_id=held.get("run"))


def _ready(branch: Open, fleet: Fleet) -> Sentence:
    since = Since(branch.updated_at)
    if not fleet.rows_before:
        return Sentence("ready", "{} waits for a worker of engine since {}.", (branch.label, since))
    rows = "row is" if fleet.rows_before == 1 else "rows are"
    form = f"{{}} waits for a worker of engine since {{}} ({fleet.rows_before} {rows} before it)."
    return Sentence("ready", form, (branch.label, since))


def _running(branch: Open, now: datetime) -> Sentence:
    if branch.lease_until is None or branch.lease_until < now:
        form = "The worker of engine that ran {} was lost; another one takes it over."
        return Sentence("starved", form, (branch.label,))
    form = "A worker of engine works on {} since {}; its lease ends in {}."
    return Sentence("run", form, (branch.label, Since(branch.updated_at), Until(branch.lease_until)))


def _calling(branch: Open, fleet: Fleet, now: datetime) -> Sentence:
    if branch.is_held and branch.lease_until is not None and branch.lease_until >= now:
        form = "A worker of io calls {} {} for {}, attempt {} of {}, since {}."
        called = (_Word(branch.kind), branch.target, branch.label)
        attempt = max(branch.attempts, 1)
        return Sentence("call", form, (*called, attempt, branch.most_attempts, Since(branch.updated_at)))
    if branch.wake_at is not None and branch.wake_at > now:
        note = branch.note or {}
        form = "{} failed {} ({}); next attempt in {}, at most {}."
        times = _Word("once" if branch.attempts == 1 else f"{branch.attempts} times")
        failed = (branch.label, times, str(note.get("error", "")))
        return Sentence("retry", form, (*failed, Until(branch.wake_at), branch.most_attempts))
    form = "The call of {} waits for a worker of io since {}."
    late = "" if fleet.is_calling else " No worker of io makes a call now."
    waits_since = branch.wake_at or branch.lease_until or branch.updated_at
    return Sentence("call" if fleet.is_calling else "starved", form + late, (branch.label, Since(waits_since)))


def _sleeping(branch: Open) -> Sentence:
    if branch.wake_at is None:
        return Sentence("sleep", "Sleeps in {}.", (branch.label,))
    return Sentence(
        "sleep", "Sleeps in {} until {} (in {}).", (branch.label, Moment(branch.wake_at), Until(branch.wake_at))
    )


def _awaiting(branch: Open) -> Sentence:
    asks = branch.asks if isinstance(branch.asks, Mapping) else {}
    if asks.get("type") == "needs_attention" or (branch.key and "type" not in asks and branch.kind):
        form = "It is unclear whether {} was carried out ({}). Check key {}, then answer with its result, or cancel."
        reason = str(asks.get("reason") or "the worker was lost")
        return Sentence("attention", form, (branch.label, reason, branch.key), act="answer", wait_id=branch.wait_id)
    if asks.get("type") in ("tool_approval", "approval"):
        form = "The call of {} by {} waits for somebody who agrees to it since {}."
        asked = (str(asks.get("tool") or branch.target), branch.label, Since(branch.updated_at))
        return Sentence("approval", form, asked, act="answer", wait_id=branch.wait_id)
    if asks.get("type") == "budget":
        form = "The call of {} waits for room in a spending limit since {}: {}"
        budget = (branch.label, Since(branch.updated_at), str(asks.get("reason", "")))
        return Sentence("budget", form, budget, act="answer", wait_id=branch.wait_id)
    form, parts = "{} waits for an answer", [branch.label]
    if question := first_text(branch.asks):
        form, parts = form + ": “{}”", [*parts, question]
    times: list[Any] = [Since(branch.updated_at)]
    form += " since {}" + (f", {branch.progress}" if branch.progress else "")
    if branch.wake_at is not None:
        form, times = form + ", gives up in {}", [*times, Until(branch.wake_at)]
    return Sentence("input", form + ".", (*parts, *times), act="answer", wait_id=branch.wait_id)


def _joining(branch: Open) -> Sentence:
    number = branch.children.get
    ended = sum(number(status, 0) for status in ("done", "cancelled"))
    failed, to_go = number("failed", 0), number("pending", 0)
    total = sum(branch.children.values())
    form = f"{{}}: {ended} of {total} done, {total - ended - failed - to_go} run, {to_go} to go, {failed} failed."
    return Sentence("join", form, (branch.label,))


class _Word(str):
    """One of ours among the parts: it needs no marks."""

    __slots__ = ()


def failure(label: str, branch: str, step: int, attempts: int, error_type: str, message: str) -> Sentence:
    """How a run failed."""
    told = "attempt" if attempts == 1 else "attempts"
    form = f"Failed in {{}} ({{}}, step {step}) after {attempts} {told}: {{}}: {{}}"
    return Sentence("failed", form, (label, branch, error_type, message))


def others(number: int) -> Sentence:
    """How many runs failed in the same way within a day."""
    runs = "run" if number == 1 else "runs"
    return Sentence("alike", f"{{}} other {runs} failed in the same way within a day.", (number,), act="alike")


_STATUS_WORDS = {
    "attention": "needs attention",
    "approval": "waiting for approval",
    "budget": "waiting for budget",
    "input": "waiting for an answer",
    "held": "held up",
    "retry": "retrying",
    "starved": "waiting for a worker",
    "call": "calling",
    "ready": "queued for engine",
    "run": "running",
    "pending": "queued",
    "join": "running",
}


def status_word(status: str, told: list[Sentence], branches: Iterable[Open]) -> str:
    """What the run does, in a word or two."""
    if not told:
        return status.replace("_", " ")
    first = told[0]
    if first.kind == "sleep":
        wakes = [branch.wake_at for branch in branches if branch.wake_at is not None]
        return f"sleeping until {min(wakes):%H:%M:%S} UTC" if wakes else "sleeping"
    if first.kind == "call":
        is_leased = first.form.startswith("A worker")
        return "calling" if is_leased else "queued for io"
    return _STATUS_WORDS[first.kind]


_SPACES = re.compile(r"\s+")


def one_line(text: str) -> str:
    """A text of strangers within a sentence."""
    shown = _SPACES.sub(" ", visible(text[: _LONGEST_TOLD * 2])).strip()
    return shown if len(shown) <= _LONGEST_TOLD else shown[:_LONGEST_TOLD] + "…"


def _told(part: Any, now: datetime) -> str:
    match part:
        case Since():
            return span(now - part.at)
        case Until():
            return span(part.at - now)
        case Moment():
            return f"{part.at:%H:%M:%S} UTC"
        case str():
            return one_line(part)
    return str(part)


_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def span(length: timedelta | float) -> str:
    """`0.2 s`, `31 s`, `5 h 41 min`."""
    seconds = max(length.total_seconds() if isinstance(length, timedelta) else float(length), 0.0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    for size, name, smaller, unit in _UNITS:
        if seconds >= size:
            whole, left = divmod(int(seconds), size)
            return f"{whole} {name} {left // smaller} {unit}" if left >= smaller else f"{whole} {name}"
    raise AssertionError
