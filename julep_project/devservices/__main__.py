"""`python -m julep_project.devservices run [--home DIR] [--fast] -- COMMAND...`

Runs a command with private services: starts them, sets DATABASE_URL, REDIS_URL, SECRET_KEY and JULEP_HOME for the
command, stops them when it ends, and ends with its exit code.

`python -m julep_project.devservices programs` prints the folder of the embedded Postgres' programs, for `PATH`: its
`pg_dump` is of the right version, which another one is not.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from julep_project.devservices.embedded import Service, Stopped, start_services, stop_services
from julep_project.devservices.errors import ServiceError
from julep_project.devservices.home import Home
from julep_project.devservices.postgres import Postgres, find_programs
from julep_project.devservices.redis import Redis
from julep_project.devservices.stop_signals import StopSignals
from julep_project.devservices.supervision.guardian import Guardian
from julep_project.devservices.supervision.supervisor import Supervisor
from julep_project.env import state_dir


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m julep_project.devservices", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="run a command with private services")
    run.add_argument("--home", type=Path, default=None, help="state folder (default: JULEP_HOME or .julep)")
    run.add_argument("--fast", action="store_true", help="do not force data to disk: for tests")
    run.add_argument("command", nargs="+", help="after --: the command and its arguments")
    verbs.add_parser("programs", help="print the folder of Postgres' programs")
    options = parser.parse_args(arguments)
    try:
        if options.verb == "programs":
            print(find_programs())
            return 0
        return run_with_services(options.command, home=Home(options.home or state_dir()), durable=not options.fast)
    except ServiceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def run_with_services(command: Sequence[str], *, home: Home, durable: bool) -> int:
    """Exit code of the command.

    Raises:
        ServiceError: the services or the command cannot be started.
    """
    with home.locked() as lock, StopSignals() as stop:
        guardian = Guardian(keep_open=[lock])
        supervisor = Supervisor(say=_say, guardian=guardian)
        services: list[Service] = [Postgres(home.path, durable=durable), Redis(home.path, durable=durable)]
        try:
            start_services(services, supervisor, is_stopping=stop.requested)
            return _run(command, _environment(home, services), supervisor, stop)
        except Stopped:
            return 130
        finally:
            stop_services(services, supervisor)
            guardian.close()


def _environment(home: Home, services: Sequence[Service]) -> dict[str, str]:
    secrets = home.keep_secrets({}, "SECRET_KEY")
    database, broker = services
    return {
        **os.environ,
        **secrets,
        "DATABASE_URL": database.url,
        "REDIS_URL": broker.url,
        "JULEP_HOME": str(home.path),
    }


def _run(command: Sequence[str], environ: dict[str, str], supervisor: Supervisor, stop: StopSignals) -> int:
    """In the terminal's own process group: Ctrl-C reaches the command directly, as without us."""
    try:
        process = subprocess.Popen(list(command), env=environ)
    except OSError as error:
        raise ServiceError(f"Cannot run {command[0]}: {error.strerror}") from error
    supervisor.guardian.watch(process.pid, signal.SIGTERM)
    asked = 0
    while process.poll() is None:
        supervisor.tick(0.05)
        if stop.count > asked:
            asked = stop.count
            _pass_on(stop, process)
    supervisor.guardian.forget(process.pid)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _pass_on(stop: StopSignals, process: subprocess.Popen[bytes]) -> None:
    """A terminal sends Ctrl-C to the command as well; only what reached us alone is handed on."""
    if stop.last != signal.SIGINT:
        process.send_signal(signal.SIGTERM)


def _say(name: str, line: str) -> None:
    print(f"{name}: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
