"""Starting the private services under a supervisor, and stopping them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from julep_project.devservices.errors import ServiceError
from julep_project.devservices.supervision.program import Program
from julep_project.devservices.supervision.supervisor import Supervisor

_START_S = 60.0
_STOP_S = 3.0


class Stopped(Exception):
    """Somebody asked to stop while things were starting."""


class Service(Protocol):
    """A server that keeps its data in the state folder."""

    log_file: Path

    @property
    def url(self) -> str:
        """Address for clients; known after `prepare`."""

    def prepare(self) -> Program:
        """Make what it needs on disk."""

    def is_ready(self) -> bool:
        """True when it answers."""

    def finish(self) -> None:
        """What is left to do once it answers."""

    def clean_up(self) -> None:
        """What is left to do once it has ended."""


def start_services(
    services: Sequence[Service],
    supervisor: Supervisor,
    *,
    is_stopping: Callable[[], bool] = lambda: False,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Start them side by side and wait until all answer. `meanwhile` is called when all have an address.

    Raises:
        ServiceError: one cannot be started.
        Stopped: `is_stopping` became true first.
    """
    programs = [service.prepare() for service in services]
    for program in programs:
        supervisor.start(program)
    meanwhile()
    for service, program in zip(services, programs, strict=True):
        ready = supervisor.run_until(partial(_is_over, service, is_stopping), timeout_s=_START_S)
        if is_stopping():
            raise Stopped
        if not ready:
            raise ServiceError(f"The embedded {program.name} did not start: {_last_words(service.log_file)}")
        service.finish()


def stop_services(services: Sequence[Service], supervisor: Supervisor) -> None:
    """Stop whichever of them run."""
    supervisor.stop(["postgres", "redis"], grace_s=_STOP_S)
    for service in services:
        service.clean_up()


def _is_over(service: Service, is_stopping: Callable[[], bool]) -> bool:
    return is_stopping() or service.is_ready()


def _last_words(log_file: Path) -> str:
    try:
        lines = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except FileNotFoundError:
        lines = []
    return f"{lines[-1] if lines else 'it said nothing'} (see {log_file})"
