"""Kinds of metrics, and what they have grown by in this process since it was last told.

Counting is a sum in memory: nothing is waited for, and whoever counts knows nothing of who reads. What values a label
may have is bounded: those that come from outside (names of tasks, models, tools) are told apart for the first so many
only, and are `other` from then on.
"""

import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from django.conf import settings

OTHER = "other"
SUM = "sum"
_LONGEST_NAME = 100

# The name of a metric, the values of its labels, and of a histogram `SUM` or the number of a bucket.
Key = tuple[str, ...]

_lock = threading.Lock()
_grown: dict[Key, float] = {}
_names: dict[str, set[str]] = {}

DECLARED: "dict[str, Metric]" = {}


class Metric:
    """One metric. `labels` are names; those that are `named` have values from outside."""

    kind: ClassVar[str]

    def __init__(self, name: str, told: str, labels: Sequence[str] = (), *, named: Sequence[str] = ()) -> None:
        self.name = name
        self.told = told
        self.labels = (*named, *labels)
        self._named = tuple(named)
        self._keys: dict[tuple[tuple[str, ...], str], Key] = {}
        if DECLARED.setdefault(name, self) is not self:
            raise ValueError(f"the metric {name} is declared twice")

    def _key(self, values: tuple[str, ...], part: str) -> Key:
        found = self._keys.get((values, part))
        if found is not None:
            return found
        key = self._made_key(values, part)
        if OTHER not in key:
            # As many as there are values: those that are told apart.
            self._keys[values, part] = key
        return key

    def forget_keys(self) -> None:
        self._keys.clear()

    def _made_key(self, values: tuple[str, ...], part: str) -> Key:
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {len(values)}")
        bounded = tuple(known_name(label, value) for label, value in zip(self._named, values, strict=False))
        return (self.name, *bounded, *values[len(bounded) :], part)


class Counter(Metric):
    """Only grows. Its name ends with `_total`."""

    kind = "counter"

    def add(self, *values: str, amount: float = 1) -> None:
        _grow([(self._key(values, ""), amount)])


class Histogram(Metric):
    """How often something took up to so many seconds."""

    kind = "histogram"

    def __init__(
        self, name: str, told: str, labels: Sequence[str] = (), *, bounds: Sequence[float], named: Sequence[str] = ()
    ) -> None:
        super().__init__(name, told, labels, named=named)
        self.bounds = tuple(bounds)

    def observe(self, seconds: float, *values: str) -> None:
        place = str(bisect_left(self.bounds, seconds))
        _grow([(self._key(values, place), 1), (self._key(values, SUM), seconds)])


class Gauge(Metric):
    """What is so just now: looked at when somebody asks, or told by each process that `watch`es; theirs are added."""

    kind = "gauge"

    def watch(self, read: Callable[[], float], *values: str) -> None:
        """Let this process tell what `read` gives."""
        _watched[(self.name, *values)] = read


_watched: dict[Key, Callable[[], float]] = {}


def known_name(label: str, value: str) -> str:
    """The value as a label has it: `other` when there are too many already."""
    known = _names.setdefault(label, set())
    name = value[:_LONGEST_NAME]
    if name in known:
        return name
    if len(known) >= settings.METRICS_NAMES:
        return OTHER
    known.add(name)
    return name


def names_known() -> Mapping[str, Iterable[str]]:
    """Values from outside by label."""
    return {label: tuple(known) for label, known in _names.items()}


def forget_names() -> None:
    """As in a new process."""
    _names.clear()
    for metric in DECLARED.values():
        metric.forget_keys()


def learn_names(label: str, names: Iterable[str]) -> None:
    """Others know these too: they take up room here as they do there."""
    _names.setdefault(label, set()).update(names)


def take_grown() -> dict[Key, float]:
    """What everything has grown by since this was last asked; it is the caller's from now on."""
    global _grown
    with _lock:
        taken, _grown = _grown, {}
    return taken


def give_back(taken: Mapping[Key, float]) -> None:
    """It could not be told."""
    _grow(taken.items())


def watched_now() -> dict[Key, float]:
    """What this process has to tell."""
    return {key: float(read()) for key, read in list(_watched.items())}


def _grow(amounts: Iterable[tuple[Key, float]]) -> None:
    with _lock:
        for key, amount in amounts:
            _grown[key] = _grown.get(key, 0.0) + amount


def _begin_anew() -> None:
    """A process that was forked tells of what it does itself."""
    global _lock, _grown
    _lock, _grown = threading.Lock(), {}
    _watched.clear()


os.register_at_fork(after_in_child=_begin_anew)
