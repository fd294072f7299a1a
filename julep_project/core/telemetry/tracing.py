"""Traces. Off, and nothing of OpenTelemetry imported, until the standard variables `OTEL_*` say where they go.

A run lasts longer than any process that works on it. So it keeps the trace and the span that started it
(`Execution.traceparent`), and its own span has an id that follows from that of the run: whoever works on it, wherever
and whenever, names that span as the parent; it is told when the run ends. Nothing that is said to or by a model is
told.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Protocol
from uuid import UUID

from julep_project.env import env_bool, env_str, hand_on

Attributes = Mapping[str, object]


class Span(Protocol):
    """A stretch of work that is under way."""

    def set(self, attributes: Attributes) -> None:
        """Say more of it; what is None is left out."""

    def rename(self, name: str) -> None:
        """Call it so, now that it is known."""

    def end(self, error_type: str | None = None) -> None:
        """It is over. What an error says may hold what was sent, so its kind is told."""


class Tracing(Protocol):
    """What `otel` does when traces are on."""

    def open(self, name: str, kind: str, attributes: Attributes, headers: Mapping[str, str] | None) -> Span:
        """Begin a span below the current one, or below that which the headers of a request name."""

    def current(self, span: Span) -> AbstractContextManager[None]:
        """Let what begins in the block be below this span, which goes on afterwards."""

    def annotate(self, attributes: Attributes) -> None:
        """Say more of the current span."""

    def outgoing(self) -> dict[str, str]:
        """The headers that name the current span."""

    def new_traceparent(self) -> str | None:
        """What names the current span, or a new trace where there is none."""

    def in_run(self, traceparent: str, run_id: UUID) -> AbstractContextManager[None]:
        """Let what begins in the block be below the span of the run."""

    def close_run(self, traceparent: str, run_id: UUID, name: str, attributes: Attributes, error: str | None) -> None:
        """Tell the span of a run that has ended."""

    def flush(self) -> None:
        """Send what waits, for a short time."""


_tracing: Tracing | None = None


def is_wanted() -> bool:
    """Whether the standard variables name a place for traces."""
    place = env_str("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env_str("OTEL_EXPORTER_OTLP_ENDPOINT")
    is_off = env_bool("OTEL_SDK_DISABLED") or env_str("OTEL_TRACES_EXPORTER", "otlp") != "otlp"
    return bool(place) and not is_off


def begin(process: str) -> None:
    """Trace from now on what this process does, if that is wanted."""
    if is_wanted():
        # The library reads them itself, from the environment only.
        hand_on(lambda name: name.startswith("OTEL_"))
        use(import_module("julep_project.core.telemetry.otel").start(process))


def use(tracing: Tracing | None) -> None:
    global _tracing
    _tracing = tracing


def end() -> None:
    """This process is about to end."""
    if _tracing is not None:
        _tracing.flush()


def open_span(name: str, attributes: Attributes, kind: str = "internal") -> Span | None:
    """A span for the caller to end; None while nothing is traced. What happens meanwhile is not below it."""
    return None if _tracing is None else _tracing.open(name, kind, attributes, None)


def open_request(name: str, headers: Mapping[str, str]) -> Span | None:
    """The span of a request, in the trace of whoever sent it, if it names one."""
    return None if _tracing is None else _tracing.open(name, "server", {}, headers)


def current(span: Span | None) -> AbstractContextManager[None]:
    """Let what happens in the block be below this span."""
    return nullcontext() if _tracing is None or span is None else _tracing.current(span)


@contextmanager
def spanning(name: str, attributes: Attributes) -> Iterator[None]:
    """One span for the block."""
    span = open_span(name, attributes)
    if span is None:
        yield
        return
    with current(span):
        try:
            yield
        except BaseException as error:
            span.end(type(error).__name__)
            raise
    span.end()


def annotate(attributes: Attributes) -> None:
    if _tracing is not None:
        _tracing.annotate(attributes)


def outgoing_headers() -> dict[str, str]:
    """What a request to the outside says of the trace it belongs to; nothing while nothing is traced."""
    return {} if _tracing is None else _tracing.outgoing()


def new_traceparent() -> str | None:
    """What a run keeps that is started here."""
    return None if _tracing is None else _tracing.new_traceparent()


def in_run(traceparent: str | None, run_id: UUID) -> AbstractContextManager[None]:
    """Work on a run in this block."""
    return nullcontext() if _tracing is None or traceparent is None else _tracing.in_run(traceparent, run_id)


def is_traced(traceparent: str | None) -> bool:
    return _tracing is not None and traceparent is not None


def close_run(
    traceparent: str | None, run_id: UUID, name: str, attributes: Attributes, error: str | None = None
) -> None:
    """A run has ended."""
    if _tracing is not None and traceparent is not None:
        _tracing.close_run(traceparent, run_id, name, attributes, error)
