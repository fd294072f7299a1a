"""One whole installation on this machine: services, migrations, API, workers, beat and Flower."""

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from julep_project.devservices.embedded import Service, Stopped, start_services, stop_services
from julep_project.devservices.errors import ServiceError
from julep_project.devservices.guardian import Guardian
from julep_project.devservices.home import Home
from julep_project.devservices.plan import Plan, manage, programs, read_plan
from julep_project.devservices.ports import LOOPBACK
from julep_project.devservices.postgres import Postgres
from julep_project.devservices.redis import Redis
from julep_project.devservices.stop_signals import StopSignals
from julep_project.devservices.supervisor import Supervisor
from julep_project.env import state_dir

# Together below the ten seconds in which everything has ended.
_STOP_S = 5.5
_READY_S = 60
_MIGRATE_S = 600.0


class Installation:
    """Starts everything in order, keeps it running, stops it in reverse order."""

    def __init__(
        self, plan: Plan, home: Home, supervisor: Supervisor, stop: StopSignals, *, environ: Mapping[str, str]
    ) -> None:
        self._plan = plan
        self._home = home
        self._supervisor = supervisor
        self._stop = stop
        self._given = environ
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
        start_services(self._services, self._supervisor, is_stopping=self._stop.requested)
        self._environ = self._environment(
            DATABASE_URL=postgres.url if postgres else None, REDIS_URL=redis.url if redis else None
        )
        if len(self._services) < 2:
            self._manage("services", "check_services", "--only", "database", "redis", failure="")
        self._manage("migrate", "migrate", "--no-input", "--verbosity=0", failure="The migrations failed; see above.")
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

    def banner(self) -> list[str]:
        """What the person at the terminal needs to know."""
        plan, environ = self._plan, self._environ
        source = "from AGENTS_API_KEY" if self._given.get("AGENTS_API_KEY") else f"kept in {self._home.env_file}"
        embedded = f"embedded, in {self._home.path}"
        lines = [
            "Ready.",
            f"  API       {plan.url}   (reference: {plan.url}/docs)",
            f"  API key   {environ['AGENTS_API_KEY']}   ({source})",
            f"  Flower    {plan.flower_url}",
            f"  Postgres  {embedded if plan.embeds_postgres else 'given by DATABASE_URL'}",
            f"  Redis     {embedded if plan.embeds_redis else 'given by REDIS_URL'}",
        ]
        if environ.get("JULEP_HTTP_ALLOW"):
            lines.append(f"  Tasks may send requests to these private addresses: {environ['JULEP_HTTP_ALLOW']}")
            lines.append("            (JULEP_HTTP_ALLOW; beside the public internet)")
        return [*lines, "  Ctrl-C stops everything."]

    def stop(self) -> None:
        """End everything that was started."""
        self._home.remove_note()
        started = ["services", "migrate", "check", *self._names]
        self._supervisor.stop(started, grace_s=_STOP_S, is_urgent=self._stop.urgent)
        stop_services(self._services, self._supervisor)

    def _environment(self, **embedded: str | None) -> dict[str, str]:
        """Environment of every program; the embedded addresses also go to the env file, for other terminals."""
        self._home.write_env(embedded)
        kept = self._home.read_env()
        environ = {**self._given, **{name: url for name, url in embedded.items() if url is not None}}
        environ |= self._home.keep_secrets(self._given, "AGENTS_API_KEY", "SECRET_KEY")
        environ["JULEP_HOME"] = str(self._home.path)
        if self._plan.embeds_postgres and not environ.get("JULEP_HTTP_ALLOW"):
            environ["JULEP_HTTP_ALLOW"] = kept.get("JULEP_HTTP_ALLOW") or LOOPBACK
        return environ

    def _manage(self, name: str, *arguments: str, failure: str) -> None:
        """Run a management command to its end. It prints why it failed; `failure` is added."""
        self._supervisor.start(manage(name, self._environ, *arguments))
        self._supervisor.run_until(
            lambda: self._stop.requested() or self._supervisor.exit_code(name) is not None, timeout_s=_MIGRATE_S
        )
        if self._stop.requested():
            raise Stopped
        if self._supervisor.exit_code(name) != 0:
            raise ServiceError(failure)


def run_installation(*, environ: Mapping[str, str] = os.environ, out: TextIO = sys.stdout) -> int:
    """Run until somebody asks to stop. Exit code: 0 after a stop, 1 when something could not be started."""
    say = Printer(out)
    try:
        home = Home(state_dir())
        with home.locked() as lock, StopSignals() as stop:
            guardian = Guardian(keep_open=[lock])
            try:
                _supervise(read_plan(environ), home, guardian, stop, environ=environ, say=say)
            finally:
                guardian.close()
    except ServiceError as error:
        if str(error):
            print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _supervise(
    plan: Plan, home: Home, guardian: Guardian, stop: StopSignals, *, environ: Mapping[str, str], say: "Printer"
) -> None:
    supervisor = Supervisor(say=say, guardian=guardian)
    installation = Installation(plan, home, supervisor, stop, environ=environ)
    try:
        say("up", "starting; this takes a few seconds")
        installation.start()
        supervisor.on_change = installation.note_what_runs
        installation.note_what_runs()
        for line in installation.banner():
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

    def __call__(self, name: str, line: str) -> None:
        """Print one line of a program."""
        if self._out is None:
            return
        try:
            self._out.write(f"{name:<8} | {line}\n")
            self._out.flush()
        except (BrokenPipeError, ValueError):
            self._out = None
