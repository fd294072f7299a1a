"""The metrics in the text format of Prometheus."""

from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from julep_project.core.telemetry import registry
from julep_project.core.telemetry.metrics import DECLARED, SUM, Counter, Histogram, Key

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Declared where this is imported.
_ = registry


def exposition(grown: Mapping[Key, float], now: Mapping[Key, float]) -> bytes:
    """All metrics that are declared: what counters and histograms have grown to, and gauges as they are.

    What an older release has told of metrics that are not there any more, or had other labels, is left out.
    """
    made = CollectorRegistry(auto_describe=False)
    made.register(_Told(grown, now))
    return generate_latest(made)


class _Told(Collector):
    def __init__(self, grown: Mapping[Key, float], now: Mapping[Key, float]) -> None:
        self._grown = _by_metric(grown)
        self._now = _by_metric(now)

    def collect(self) -> Iterator[Metric]:
        """One family for each metric."""
        for metric in DECLARED.values():
            match metric:
                case Counter():
                    yield self._counter(metric)
                case Histogram():
                    yield self._histogram(metric)
                case _:
                    gauge = GaugeMetricFamily(metric.name, metric.told, labels=metric.labels)
                    for key, value in self._now.get(metric.name, {}).items():
                        if len(key) == len(metric.labels):
                            gauge.add_metric(key, value)
                    yield gauge

    def _counter(self, metric: Counter) -> Metric:
        family = CounterMetricFamily(metric.name, metric.told, labels=metric.labels)
        found = self._grown.get(metric.name, {} if metric.labels else {("",): 0.0})
        for (*labels, _part), value in found.items():
            if len(labels) == len(metric.labels):
                family.add_metric(labels, value)
        return family

    def _histogram(self, metric: Histogram) -> Metric:
        family = HistogramMetricFamily(metric.name, metric.told, labels=metric.labels)
        series: dict[tuple[str, ...], dict[str, float]] = {}
        for (*labels, part), value in self._grown.get(metric.name, {}).items():
            if len(labels) == len(metric.labels):
                series.setdefault(tuple(labels), {})[part] = value
        for given, parts in series.items():
            counts = accumulate(parts.get(str(place), 0.0) for place in range(len(metric.bounds) + 1))
            bounds = [*(f"{bound:g}" for bound in metric.bounds), "+Inf"]
            family.add_metric(given, buckets=list(zip(bounds, counts, strict=True)), sum_value=parts.get(SUM, 0.0))
        return family


def _by_metric(values: Mapping[Key, float]) -> dict[str, dict[Key, float]]:
    found: dict[str, dict[Key, float]] = {}
    for (name, *rest), value in values.items():
        found.setdefault(name, {})[tuple(rest)] = value
    return found
