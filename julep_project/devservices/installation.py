"""One whole installation on this machine: services, migrations, API, workers, beat and Flower."""

import os
import signal
import sys
from collections.abc import Mapping
from typing import Protocol, TextIO

from julep_project.devservices.embedded import Service, Stopped, start_services, stop_services
from julep_project.devservices.errors import ServiceError
from julep_project.devservices.home import Home
from julep_project.devservices.plan import Plan, manage, programs, read_plan
from julep_project.devservices.ports import LOOPBACK
from julep_project.devservices.postgres import Postgres
from julep_project.devservices.redis import Redis
from julep_project.devservices.stop_signals import StopSignals
from julep_project.devservices.supervision.guardian import Guardian
from julep_project.devservices.supervision.supervisor import Supervisor
from julep_project.env import state_dir

# How long calls have to end: this long after Ctrl-C, where somebody waits at the terminal; else as long as the setting
# says, of which the programs keep count themselves, calls that must not be repeated half as long again.
_CTRL_C_S = 10.0
_LAST_FACTOR = 1.5
_MARGIN_S = 10.0
_READY_S = 60
_MIGRATE_S = 600.0
_ADDRESSES = ("DATABASE_URL", "REDIS_URL")


class Loading(Protocol):
    """What the programs have in common, loaded into the supervisor: they are forks of it, where that is possible."""

    def load(self, environ: Mapping[str, str]) -> None:
        """What every command needs, with the environment that all programs share.

        Raises:
            ServiceError: it cannot be used with this environment.
        """

    def load_more(self) -> None:
        """What is not needed to migrate."""

    def begin(self) -> None:
        """Called first in each fork."""


class Installation:
    """Starts everything in order, keeps it running, stops it in reverse order."""

    def __init__(
        self,
        plan: Plan,
        home: Home,
        supervisor: Supervisor,
        stop: StopSignals,
        *,
        environ: Mapping[str, str],
        loading: Loading | None,
    ) -> None:
        self._plan = plan
        self._home = home
        self._supervisor = supervisor
        self._stop = stop
        self._given = environ
        self._loading = loading
        self._services: list[Service] = []
        self._environ: dict[str, str] = {}
        self._names: list[str] = []

    def start(self) -> None:
        """Return when everything answers.

        Raises:
            ServiceError: something cannot be started or reached.
            Stopped: somebody asked to stop first.
        """
        postgres = Postgres(self._home.path, environ=self._given) if self._plan.embeds_postgres else None
        redis = Redis(self._home.path) if self._plan.embeds_redis else None
        self._services = [service for service in (postgres, redis) if service is not None]

        def prepare_programs() -> None:
            urls = (postgres.url if postgres else None, redis.url if redis else None)
            addresses = dict(zip(_ADDRESSES, urls, strict=True))
            self._environ = environment_of(self._plan, self._home, self._given, addresses)
            if self._loading is not None:
                self._loading.load(self._environ)
                self._supervisor.begin_fork = self._loading.begin

        start_services(self._services, self._supervisor, is_stopping=self._stop.requested, meanwhile=prepare_programs)
        if len(self._services) < 2:
            self._manage("services", "check_services", "--only", "database", "redis", failure="")
        self._migrate()
        for program in programs(self._plan, self._environ, home=self._home.path):
            self._names.append(program.name)
            self._supervisor.start(program)
        self._manage(
            "check",
            "check_services",
            f"--wait={_READY_S}",
            f"--api={self._plan.url}",
            failure="Not everything answers; see above.",
        )

    def note_what_runs(self) -> None:
        """Write `up.json`: what other programs need to find this installation."""
        self._home.write_note(
            {
                "pid": os.getpid(),
                "url": self._plan.url,
                "flower_url": self._plan.flower_url,
                "api_key": self._environ["AGENTS_API_KEY"],
                "database_url": self._environ["DATABASE_URL"],
                "redis_url": self._environ["REDIS_URL"],
                "home": str(self._home.path),
                "children": self._supervisor.pids(),
            }
        )

    def banner(self, *, shows_key: bool) -> list[str]:
        """What the person at the terminal needs to know."""
        return banner(self._plan, self._home, self._given, self._environ, shows_key=shows_key)

    def stop(self) -> None:
        """End everything that was started."""
        self._home.remove_note()
        started = ["services", "migrate", "check", *self._names]
        self._supervisor.stop(started, grace_s=self._patience_s(), is_urgent=self._stop.urgent)
        stop_services(self._services, self._supervisor)

    def _patience_s(self) -> float:
        if not self._stop.requested() or self._stop.last == signal.SIGINT:
            return _CTRL_C_S
        return self._plan.drain_s * _LAST_FACTOR + _MARGIN_S

    def _migrate(self) -> None:
        self._supervisor.start(manage("migrate", self._environ, "migrate", "--no-input", "--verbosity=0"))
        if self._loading is not None:
            self._loading.load_more()
        self._wait_for_end("migrate", failure="The migrations failed; see above.")

    def _manage(self, name: str, *arguments: str, failure: str) -> None:
        """Run a management command to its end. It prints why it failed; `failure` is added."""
        self._supervisor.start(manage(name, self._environ, *arguments))
        self._wait_for_end(name, failure=failure)

    def _wait_for_end(self, name: str, *, failure: str) -> None:
        self._supervisor.run_until(
            lambda: self._stop.requested() or self._supervisor.exit_code(name) is not None, timeout_s=_MIGRATE_S
        )
        if self._stop.requested():
            raise Stopped
        if self._supervisor.exit_code(name) != 0:
            raise ServiceError(failure)


def environment_of(
    plan: Plan, home: Home, given: Mapping[str, str], embedded: Mapping[str, str | None]
) -> dict[str, str]:
    """Environment of every program; the embedded addresses also go to the env file, for other terminals."""
    home.write_env(embedded)
    kept = home.read_env()
    environ = {**given, **{name: url for name, url in embedded.items() if url is not None}}
    environ |= home.keep_secrets(given, "AGENTS_API_KEY", "SECRET_KEY", "SECRETS_MASTER_KEY")
    environ["JULEP_HOME"] = str(home.path)
    if plan.embeds_postgres:
        # Set and empty means none.
        environ.setdefault("JULEP_HTTP_ALLOW", kept.get("JULEP_HTTP_ALLOW", LOOPBACK))
    # Which addresses are the installation's own, so that no task reaches them, every process has to know.
    return {**environ, "HOST": plan.host, "PORT": str(plan.port), "FLOWER_PORT": str(plan.flower_port)}


def banner(
    plan: Plan, home: Home, given: Mapping[str, str], environ: Mapping[str, str], *, shows_key: bool
) -> list[str]:
    """What is said when everything answers. A log, which others read, is not told the key."""
    source = "from AGENTS_API_KEY" if given.get("AGENTS_API_KEY") else f"kept in {home.env_file}"
    embedded = f"embedded, in {home.path}"
    lines = [
        "Ready.",
        f"  API       {plan.url}   (reference: {plan.url}/docs)",
        f"  API key   {environ['AGENTS_API_KEY']}   ({source})" if shows_key else f"  API key   {source}",
        f"  Flower    {plan.flower_url}",
        f"  Postgres  {embedded if plan.embeds_postgres else 'given by DATABASE_URL'}",
        f"  Redis     {embedded if plan.embeds_redis else 'given by REDIS_URL'}",
    ]
    if environ.get("JULEP_HTTP_ALLOW"):
        lines.append(f"  Tasks may send requests to these private addresses: {environ['JULEP_HTTP_ALLOW']}")
        lines.append("            (JULEP_HTTP_ALLOW; beside the public internet)")
    return [*lines, "  Ctrl-C stops everything; calls have ten seconds to end. A second one stops it at once."]


def run_installation(
    *, environ: Mapping[str, str] = os.environ, out: TextIO = sys.stdout, loading: Loading | None = None
) -> int:
    """Run until somebody asks to stop. Exit code: 0 after a stop, 1 when something could not be started.

    Without `loading` each program loads what it needs by itself.
    """
    given = dict(environ)
    say = Printer(out)
    try:
        home = Home(state_dir())
        with home.locked() as lock, StopSignals() as stop:
            guardian = Guardian(keep_open=[lock])
            try:
                plan = read_plan({**_added_lines(home), **given})
                supervisor = Supervisor(say=say, guardian=guardian)
                _supervise(
                    Installation(plan, home, supervisor, stop, environ=given, loading=loading), supervisor, stop, say
                )
            finally:
                guardian.close()
    except ServiceError as error:
        if str(error):
            print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _added_lines(home: Home) -> dict[str, str]:
    """What people wrote into the env file. The addresses in it are those of embedded services."""
    return {name: value for name, value in home.read_env().items() if name not in _ADDRESSES}


def _supervise(installation: Installation, supervisor: Supervisor, stop: StopSignals, say: "Printer") -> None:
    try:
        say("up", "starting; this takes a few seconds")
        installation.start()
        supervisor.on_change = installation.note_what_runs
        installation.note_what_runs()
        for line in installation.banner(shows_key=say.is_terminal):
            say("up", line)
        supervisor.run_until(stop.requested)
    except Stopped:
        pass
    finally:
        say("up", "stopping")
        installation.stop()


class Printer:
    """Prints `name     | line`. Survives the end of whoever reads it."""

    def __init__(self, out: TextIO) -> None:
        self._out: TextIO | None = out
        self.is_terminal = out.isatty()

    def __call__(self, name: str, line: str) -> None:
        """Print one line of a program."""
        if self._out is None:
            return
        try:
            self._out.write(f"{name:<8} | {line}\n")
            self._out.flush()
        except (BrokenPipeError, ValueError):
            self._out = None
