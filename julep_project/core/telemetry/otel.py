"""Traces through the SDK of OpenTelemetry. Imported by name, where traces are wanted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from julep_project.core.ids import made_at
from julep_project.core.telemetry.tracing import Attributes, Span

_SERVICE = "agents-backend"
_KINDS = {"internal": trace.SpanKind.INTERNAL, "server": trace.SpanKind.SERVER, "client": trace.SpanKind.CLIENT}
_HEADER = "traceparent"
_FLUSH_MS = 2000
_LONGEST = 300

_chosen: ContextVar[int | None] = ContextVar("span_id", default=None)


class _Ids(RandomIdGenerator):
    """Ids by chance, but for a span whose id is known beforehand."""

    def generate_span_id(self) -> int:
        return _chosen.get() or super().generate_span_id()


class OtelSpan:
    """A span of the SDK."""

    def __init__(self, span: trace.Span) -> None:
        self.span = span

    def set(self, attributes: Attributes) -> None:
        self.span.set_attributes(_plain(attributes))

    def rename(self, name: str) -> None:
        self.span.update_name(name)

    def end(self, error_type: str | None = None) -> None:
        _mark(self.span, error_type)
        self.span.end()


class OtelTracing:
    """See `Tracing`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("julep")
        self._names = TraceContextTextMapPropagator()

    def open(self, name: str, kind: str, attributes: Attributes, headers: Mapping[str, str] | None) -> Span:
        parent = None if headers is None else self._named_by(headers)
        return OtelSpan(self._tracer.start_span(name, parent, _KINDS[kind], _plain(attributes)))

    @contextmanager
    def current(self, span: Span) -> Iterator[None]:
        assert isinstance(span, OtelSpan)
        with _attached(trace.set_span_in_context(span.span)):
            yield

    def annotate(self, attributes: Attributes) -> None:
        trace.get_current_span().set_attributes(_plain(attributes))

    def outgoing(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        self._names.inject(headers)
        return headers

    def new_traceparent(self) -> str | None:
        if not trace.get_current_span().get_span_context().is_valid:
            with self._tracer.start_as_current_span("start"):
                return self.outgoing().get(_HEADER)
        return self.outgoing().get(_HEADER)

    @contextmanager
    def in_run(self, traceparent: str, run_id: UUID) -> Iterator[None]:
        started_by = trace.get_current_span(self._named_by({_HEADER: traceparent})).get_span_context()
        if not started_by.is_valid:
            yield
            return
        run = trace.SpanContext(
            started_by.trace_id, _span_of(run_id), is_remote=True, trace_flags=started_by.trace_flags
        )
        with _attached(trace.set_span_in_context(trace.NonRecordingSpan(run))):
            yield

    def close_run(self, traceparent: str, run_id: UUID, name: str, attributes: Attributes, error: str | None) -> None:
        parent = self._named_by({_HEADER: traceparent})
        began = made_at(run_id)
        token = _chosen.set(_span_of(run_id))
        try:
            start = None if began is None else int(began * 1e9)
            span = self._tracer.start_span(name, parent, attributes=_plain(attributes), start_time=start)
        finally:
            _chosen.reset(token)
        OtelSpan(span).end(error)

    def flush(self) -> None:
        self._provider.force_flush(_FLUSH_MS)

    def _named_by(self, headers: Mapping[str, str]) -> context.Context:
        """Nothing that is current here: a request comes from elsewhere, and so does work on a run."""
        return self._names.extract({name.lower(): value for name, value in headers.items()}, context.Context())


def start(process: str) -> OtelTracing:
    """Send spans to where the standard variables say, in a thread of its own; what is too much is dropped."""
    resource = Resource.create({"julep.process": process})
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": _SERVICE}))
    provider = TracerProvider(resource=resource, id_generator=_Ids())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OtelTracing(provider)


def _span_of(run_id: UUID) -> int:
    """The half of the id that is drawn at random; never zero, which the variant of ids takes care of."""
    return run_id.int & ((1 << 64) - 1)


@contextmanager
def _attached(there: context.Context) -> Iterator[None]:
    token = context.attach(there)
    try:
        yield
    finally:
        context.detach(token)


def _mark(span: trace.Span, error_type: str | None) -> None:
    if error_type is not None:
        span.set_attribute("error.type", error_type)
        span.set_status(trace.StatusCode.ERROR)


def _plain(attributes: Attributes) -> dict[str, str | bool | int | float]:
    return {
        name: value if isinstance(value, bool | int | float) else str(value)[:_LONGEST]
        for name, value in attributes.items()
        if value is not None
    }
