"""The alert rules and the dashboard ask for metrics there are, and every alarm and every metric is explained."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from julep_project.core.telemetry import registry
from julep_project.core.telemetry.metrics import DECLARED, Histogram, Metric

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "monitoring"
PAGE = (ROOT / "docs" / "operations.md").read_text()

_NAME = re.compile(r"\bjulep_\w+")
_CONDITION = re.compile(r"(julep_\w+)\{([^}]*)\}")
_BY = re.compile(r"\bby \(([^)]*)\)")
_OF_HISTOGRAM = re.compile(r"(.*)_(?:bucket|sum|count)")


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])


def metric_of(sample: str) -> Metric | None:
    """What is declared under the name of a sample."""
    found = DECLARED.get(sample)
    if found is not None and not isinstance(found, Histogram):
        return found
    part = _OF_HISTOGRAM.fullmatch(sample)
    histogram = DECLARED.get(part[1]) if part else None
    return histogram if isinstance(histogram, Histogram) else None


def test_they_ask_for_what_there_is() -> None:
    asked = list(expressions())
    assert len(rules()) > 15 and len(panels()) > 30
    assert {name for one in asked for name in _NAME.findall(one) if metric_of(name) is None} == set()
    for one in asked:
        for name, conditions in _CONDITION.findall(one):
            metric = metric_of(name)
            assert metric is not None
            named = {label for label, _ in re.findall(r"(\w+)\s*(=~|!~|!=|=)", conditions)}
            assert named <= set(metric.labels), one
        labels = {label for name in _NAME.findall(one) if (found := metric_of(name)) for label in found.labels}
        grouped = {label.strip() for group in _BY.findall(one) for label in group.split(",")}
        assert grouped <= labels | {"le"}, one


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {
        metric.name
        for panel in panels()
        for target in panel["targets"]
        for name in _NAME.findall(target["expr"])
        if (metric := metric_of(name))
    }
    assert set(DECLARED) - shown == set()


def test_every_alarm_has_a_runbook() -> None:
    headings = re.findall(r"^#### (\w+)$", PAGE, flags=re.M)
    assert [rule["alert"] for rule in rules()] == headings
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket") and rule["annotations"]["summary"]


def test_names_follow_the_conventions() -> None:
    for metric in DECLARED.values():
        assert metric.name.startswith("julep_") and (metric.kind == "counter") == metric.name.endswith("_total")
        assert metric.kind != "histogram" or metric.name.endswith("_seconds")


def test_every_metric_is_in_the_table() -> None:
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.told} |"
        for one in DECLARED.values()
    ]
    table = "\n".join(["| metric | kind | labels | what |", "|---|---|---|---|", *rows])
    _, _, rest = PAGE.partition("<!-- metrics -->\n")
    assert rest.partition("\n<!-- end metrics -->")[0] == table, f"the table has to be\n{table}"
    assert registry.RUNS_STARTED.name in table
