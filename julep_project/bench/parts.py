"""The parts of the benchmark. Each measures one thing and returns rows of the table."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from django.db import connection

from executions.models import Execution, Transition
from julep_project.bench import (
    ages,
    answers,
    chat_streams,
    documents,
    pages,
    postgres,
    programs,
    schedules,
    tenants,
)
from julep_project.bench.load import ClosedLoop
from julep_project.bench.peers import dbos, raw_celery
from julep_project.bench.processes import measure_installation, resident_mib
from julep_project.bench.table import Row, at_ranks, median, percentile
from tasks.models import Task


@dataclass(frozen=True)
class Workload:
    """How long and how often things are measured. `workers` are the product's workers, by process id."""

    repeats: int = 5
    sustained_s: float = 30.0
    starts: int = 100
    sleepers: int = 20_000
    sleep_s: int = 180
    items: int = 1000
    largest_map: int = 1000
    chunks: int = 100_000
    searches: int = 200
    streams: int = 1000
    looped_calls: int = 200
    idle_s: float = 60.0
    chats: int = 100
    queued: int = 50_000
    mapped_beside: int = 100_000
    unembedded: int = 1_000_000
    days: int = 30
    runs_a_day: int = 6700
    real_a_day: int = 100
    looked_at: int = 100_000
    looks: int = 7
    schedules: int = 10_000
    workers: dict[str, int] = field(default_factory=dict)


# What is less for a short look.
QUICK: dict[str, Any] = {
    **{"repeats": 3, "sustained_s": 5.0, "starts": 50, "sleepers": 1000, "sleep_s": 20, "items": 200},
    **{"largest_map": 200, "chunks": 30_000, "searches": 50, "streams": 200, "looped_calls": 50, "idle_s": 20.0},
    **{"chats": 20, "queued": 2000, "mapped_beside": 5000, "unembedded": 40_000},
    **{"days": 6, "runs_a_day": 500, "real_a_day": 20, "looked_at": 2000, "looks": 3},
    **{"schedules": 500},
}


def light_steps(effort: Workload) -> list[Row]:
    """(a) Forty light steps, beside a chain of forty tasks, and beside DBOS Transact where it is installed."""
    task = programs.light_steps(40)
    here = _median_ms(effort, lambda: programs.seconds_to_end(task))
    raw = _median_ms(effort, lambda: raw_celery.chain_seconds(40))
    rows = [Row("a", "40 light steps, start to end", here, "ms", raw)]
    if dbos.is_installed():
        other = median(dbos.seconds_to_end(40, effort.repeats)) * 1e3
        rows.append(Row("a", "the same; peer: DBOS Transact", here, "ms", other, "at most 0.5"))
    return rows


def throughput(effort: Workload) -> list[Row]:
    """(b) Runs of three steps per second, beside tasks that do nothing."""
    task = programs.light_steps(3)
    here = ClosedLoop(lambda: programs.start(task), lambda: programs.unfinished(task)).rate(effort.sustained_s)
    raw = ClosedLoop(raw_celery.send_noop, raw_celery.waiting).rate(effort.sustained_s)
    return [Row("b", "3-step runs per second, sustained", here, "/s", raw, "at least 0.4")]


def mapped_calls(effort: Workload) -> list[Row]:
    """(c) A map of HTTP calls, beside a chord of them."""
    with programs.InstantServer() as server:
        task = programs.mapped_calls(server.url)
        here = _median_ms(effort, lambda: programs.seconds_to_end(task, {"items": list(range(effort.items))}))
        raw = _median_ms(effort, lambda: raw_celery.chord_seconds(server.url, effort.items))
    return [Row("c", f"map of {effort.items} HTTP calls", here, "ms", raw, "at most 2")]


def first_transition(effort: Workload) -> list[Row]:
    """(d) From the call that starts a run to the first row of its log, while nothing else runs."""
    task = programs.light_steps(1)
    taken = []
    for _ in range(effort.starts):
        began = time.perf_counter()
        execution = programs.start(task)
        programs.wait_for_first_transition(execution)
        taken.append((time.perf_counter() - began) * 1e3)
        programs.wait_for_end(execution)
    return at_ranks("d", "start to first transition,", taken, {50: "at most 25 ms", 99: ""})


def effect_overhead(effort: Workload) -> list[Row]:
    """(e) What a run takes longer by calling a tool that answers at once, beside a round trip of raw Celery."""
    light = programs.light_steps(1)
    with programs.InstantServer() as server:
        calling = programs.one_call(server.url)
        runs = range(effort.starts)
        with_call = median(programs.seconds_to_end(calling) for _ in runs)
        without = median(programs.seconds_to_end(light) for _ in runs)
        raw = median(raw_celery.chain_seconds(1) for _ in runs)
    return [
        Row("e", "one HTTP tool call; peer: a round trip", (with_call - without) * 1e3, "ms", raw * 1e3, "at most 3")
    ]


def sleepers(effort: Workload) -> list[Row]:
    """(f) Many runs asleep at once: memory of the engine's worker, and how late they wake."""
    task = programs.sleeper(effort.sleep_s)
    pid = effort.workers.get("engine")
    before = resident_mib(pid) if pid else 0.0
    ClosedLoop(lambda: programs.start(task), lambda: programs.untouched(task)).run(effort.sleepers)
    asleep = resident_mib(pid) if pid else 0.0
    while programs.unfinished(task):
        time.sleep(1)
    late = percentile(_lateness(task, effort.sleep_s), 99)
    count = f"{effort.sleepers:,} sleeping runs"
    return [
        Row("f", f"{count}: engine worker's memory", asleep, "MiB", aim="flat", note=f"{before:.0f} MiB before"),
        Row("f", f"{count}: late by, p99", late, "s", aim="at most 3 s"),
    ]


def growth(effort: Workload) -> list[Row]:
    """(g) What a step and an item cost as their number grows."""
    rows = []
    for count in (40, 400, 4000):
        task = programs.light_steps(count)
        each = _median_ms(effort, partial(programs.seconds_to_end, task)) / count
        rows.append(Row("g", f"{count} light steps: each", each, "ms", aim="linear"))
    with programs.InstantServer() as server:
        task = programs.mapped_calls(server.url)
        for count in (size for size in (100, 200, 1000, 10_000) if size <= effort.largest_map):
            items = {"items": list(range(count))}
            rounds = effort if count <= effort.items else replace(effort, repeats=1)
            each = _median_ms(rounds, partial(programs.seconds_to_end, task, items)) / count
            rows.append(Row("g", f"map of {count} HTTP calls: each", each, "ms", aim="linear"))
    return rows


def idle_load(effort: Workload) -> list[Row]:
    """(m) What an installation with nothing to do asks of its database."""
    here = postgres.statements_per_second(effort.idle_s)
    return [Row("m", "idle: statements per second", here, "/s", aim="at most 3 /s")]


def beside_another_developer(effort: Workload) -> list[Row]:
    """(q) One developer's single runs and chats beside another's very many."""
    with chat_streams.offline_chats() as chat:
        return tenants.measure(effort.queued, effort.mapped_beside, effort.unembedded, effort.starts, chat)


PARTS: dict[str, Callable[[Workload], list[Row]]] = {
    "a": light_steps,
    "b": throughput,
    "c": mapped_calls,
    "d": first_transition,
    "e": effect_overhead,
    "f": sleepers,
    "g": growth,
    # Searches in the docs of a hundred owners.
    "h": lambda effort: documents.measure(effort.chunks, effort.searches),
    # Many open chat streams on one server process.
    "i": lambda effort: chat_streams.measure(effort.streams),
    # What Postgres writes for each call of a loop that carries a large input.
    "k": lambda effort: postgres.measure_written(effort.looped_calls),
    "m": idle_load,
    # Chats on a server process whose searches hang.
    "n": lambda effort: chat_streams.measure_beside_searches(effort.chats),
    "q": beside_another_developer,
    # Whether searches find what questions are about.
    "p": lambda effort: answers.measure(effort.chunks // 100, effort.searches),
    # Pages of the console.
    "r": lambda effort: pages.measure(effort.looked_at, effort.looks),
    # Schedules that are due at the same time.
    "s": lambda effort: schedules.measure(effort.schedules),
    # Start and memory of everything.
    "u": lambda effort: measure_installation(),
    # Latencies before and after a month of runs and of retention; the last, because of what it leaves.
    "o": lambda effort: ages.measure(effort.days, effort.runs_a_day, effort.real_a_day, effort.starts),
}


def _median_ms(effort: Workload, measure: Callable[[], float]) -> float:
    """After one round that is not counted, because it loads programs and opens connections."""
    measure()
    return median(measure() * 1e3 for _ in range(effort.repeats))


def _lateness(task: Task, seconds: int) -> list[float]:
    """For each run of the task: how much longer than its sleep its log is."""
    rows = Transition.objects.filter(execution__in=Execution.objects.filter(task=task))
    ends = dict(rows.filter(type="finish").values_list("execution_id", "created_at"))
    begins = dict(rows.filter(type="init").values_list("execution_id", "created_at"))
    connection.close()
    return [(ends[run] - begins[run]).total_seconds() - seconds for run in ends]
