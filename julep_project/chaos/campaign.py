"""One chaos run: submit, do harm, let it settle, check."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from julep_project.chaos.checker import Seen, check
from julep_project.chaos.client import Client
from julep_project.chaos.nemesis import Nemesis
from julep_project.chaos.scenarios import Scenario, called_program, make_programs
from julep_project.chaos.world import World
from julep_project.devservices.home import Home
from julep_project.devservices.private import private_installation

# After the harm some run must get a step further within this time, until all have ended.
STALLED_S = 60.0
# On a slow machine the harm goes on, until there was some of every kind or for so much longer.
_LONGER_S = 60.0
_POLL_S = 0.2
# Leases are short enough for crashes to be noticed soon.
_SETTINGS = {
    "API_WORKERS": "1",
    "ENGINE_PROCESSES": "2",
    "IO_THREADS": "16",
    "DRAIN_SECONDS": "5",
    "LEASE_SECONDS": "3",
    "SWEEP_SECONDS": "1",
    "RING_AGAIN_SECONDS": "1",
    # Crashes count as attempts, and here they are no fault of the program.
    "MAX_ATTEMPTS": "1000",
    # Browsers come back to an address; the client knows where that really is.
    "PUBLIC_URL": "http://127.0.0.1:9",
    "LINK_REQUESTS_PER_MINUTE": "0",
}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What was done and what was found; `seconds` is how long runs went on after the harm."""

    programs: int
    acts: int
    calls: int
    seconds: float
    findings: Sequence[str]


def run_chaos(*, seed: int, programs: int, harm_s: float, freeze_s: float, say: Say) -> Outcome:
    """Run so many random programs under harm for `harm_s` seconds, and until there was some of every kind; the same
    seed makes the same programs and acts.

    Raises:
        ServiceError: the private installation did not come up.
    """
    made = make_programs(seed, programs)
    with World(Random(seed)) as world, _temporary_installation(world) as home:
        nemesis = Nemesis(home, Random(seed), freeze_s=freeze_s, say=say)
        client = Client(home, world)
        called = called_program()
        shared = client.prepare(called)
        tasks = {client.create(program, shared): program for program in made}
        to_start = [task_id for task_id, program in tasks.items() if not program.fires]
        tasks[shared.task_id] = called
        for task_id, program in tasks.items():
            if program.fires:
                client.schedule(task_id, program, harm_s)
        nemesis.start()
        try:
            _submit(client, tasks, to_start, harm_s, nemesis)
        finally:
            nemesis.stop()
        say("the harm is over")
        settled_s = _settle(client, tasks, to_start)
        with client.connect() as connection:
            findings = check(
                connection, tasks, Seen(world.keys_by_call(), world.asked(), world.told()), client.promises
            )
        return Outcome(programs, nemesis.acts, len(world.requests), settled_s, findings)


@contextmanager
def _temporary_installation(world: World) -> Iterator[Home]:
    """Ready, and stopped at the end of the block with all it wrote. Its models are those of the world."""
    provider = {"OPENAI_API_BASE": world.api_base, "OPENAI_API_KEY": "sk-chaos"}
    with tempfile.TemporaryDirectory(prefix="julep-chaos-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # Postgres may run as another user, who has to find its way in
        home = Home(Path(folder) / "home")
        with private_installation(home, {**_SETTINGS, **provider}):
            yield home


def _submit(
    client: Client, tasks: Mapping[str, Scenario], to_start: list[str], harm_s: float, nemesis: Nemesis
) -> None:
    """Start the runs one after the other in the first half of the time, as far as the harm allows."""
    deadline = time.monotonic() + harm_s
    gap_s = harm_s / 2 / max(1, len(tasks))
    while time.monotonic() < (deadline if nemesis.has_done_all_kinds else deadline + _LONGER_S):
        _help_along(client, tasks, to_start)
        time.sleep(gap_s if to_start else _POLL_S)


def _settle(client: Client, tasks: Mapping[str, Scenario], to_start: list[str]) -> float:
    """Wait until every run has ended or none moves any more; how long that took."""
    began = moved_at = time.monotonic()
    seen: tuple[int, int] | None = None
    while time.monotonic() < moved_at + STALLED_S:
        _help_along(client, tasks, to_start)
        progress = client.progress()
        if progress is not None and progress[0] == 0 and not to_start:
            break
        if progress != seen:
            seen, moved_at = progress, time.monotonic()
        time.sleep(_POLL_S)
    return time.monotonic() - began


def _help_along(client: Client, tasks: Mapping[str, Scenario], to_start: list[str]) -> None:
    """Start one more run, answer waits and cancel what is unwanted."""
    if to_start and client.start(to_start[0]):
        del to_start[0]
    client.answer_waits()
    client.cancel_due(tasks)
