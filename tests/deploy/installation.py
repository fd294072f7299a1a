"""The processes of the compose file on hosts of the test, started exactly as it says."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from julep_project.devservices.postgres import find_programs
from julep_project.devservices.redis import find_server
from tests.deploy.compose import ROOT, Service, asked_variables, read_image, read_services
from tests.deploy.network import USER, Host, Network

_START_S = 240.0
_PAUSE_S = 0.5
# A name before a port.
_PLACE = re.compile(r"(?<![\w.])[a-z]+(?=:\d{2,5}(?:[/,]|$))")


def make_folder(path: Path, user: int = USER) -> Path:
    """A folder that belongs to this user."""
    path.mkdir(parents=True)
    os.chown(path, user, user)
    return path


@dataclass
class Installation:
    """Postgres, Redis and our services. `settings` is what an operator writes into `deploy/.env`.

    With `shared`, all containers of all hosts find that folder where their volume of contents is; without, each
    container has a folder of its own, and the settings have to name a bucket.
    """

    network: Network
    settings: Mapping[str, str]
    shared: bool = False
    services: dict[str, Service] = field(init=False)

    def __post_init__(self) -> None:
        needed = {name: secrets.token_hex(16) for name, is_needed in asked_variables().items() if is_needed}
        self.variables = {**needed, "FLOWER_BASIC_AUTH": f"admin:{secrets.token_hex(8)}", **self.settings}
        self.services = read_services(self.variables)
        self.folder = self.network.folder
        self.image = self.folder / "app"
        self.contents = make_folder(self.folder / "contents")
        _build_image(self.image)

    def start_services(self) -> None:
        """Postgres and Redis, on the host of services."""
        self._start_postgres()
        self._start_redis()

    def migrate(self, host: Host) -> None:
        """What the service of this name does."""
        done = self.run(host, "migrate", self.services["migrate"].command, timeout_s=180)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, host: Host, *names: str) -> None:
        """Start services on a host."""
        for name in names:
            container = self._container(host, name)
            command = [container(part) for part in self.services[name].command]
            host.start(name, command, self._environment(host, name), self.image)

    def wait_until_healthy(self, host: Host, *names: str) -> None:
        """Ask the health check of each service, as Docker would, until it is content."""
        for name in names:
            check = [self._container(host, name)(part) for part in self.services[name].health_command]
            wait_for(lambda name=name, check=check: self._is_healthy(host, name, check), _START_S, self)

    def is_healthy(self, host: Host, name: str) -> bool:
        """What the service's health check says now."""
        check = [self._container(host, name)(part) for part in self.services[name].health_command]
        return self._is_healthy(host, name, check)

    def run(
        self, host: Host, name: str, command: list[str], *, timeout_s: float = 150
    ) -> "subprocess.CompletedProcess[str]":
        """A command in the container of a service, as `docker compose exec` runs it."""
        return host.run(command, self._environment(host, name), self.image, timeout_s=timeout_s)

    def api(self, host: Host) -> httpx.Client:
        """A client of the API on this host."""
        headers = {"Authorization": f"Bearer {self.variables['AGENTS_API_KEY']}"}
        return httpx.Client(base_url=f"http://{host.address}:8080", headers=headers, timeout=60)

    def output(self) -> str:
        """What all processes wrote last."""
        return "\n".join(host.output() for host in (*self.network.hosts, self.network.services))

    def _is_healthy(self, host: Host, name: str, check: list[str]) -> bool:
        assert host.is_running(name), host.output()
        return self.run(host, name, check).returncode == 0

    def _container(self, host: Host, name: str) -> Callable[[str], str]:
        """Puts the container's own folders, which are made when missing, in the place of those in the image."""
        home = self.folder / f"{host.name}-{name}"
        if not home.exists():
            make_folder(home)
            for place in self.services[name].mounts:
                _mount(
                    self.contents if self.shared else make_folder(home / "own"), home / place.removeprefix("/state/")
                )
        return lambda text: text.replace("/state", str(home)).replace("/tmp/alive", str(home / "alive"))

    def _environment(self, host: Host, name: str) -> dict[str, str]:
        container = self._container(host, name)
        own = {**read_image().environment, **self.variables, **self.services[name].environment}
        programs = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        translated = {key: self._addressed(container(value)) for key, value in own.items()}
        return {**translated, "PATH": programs, "HOME": str(self.folder / f"{host.name}-{name}"), "LANG": "C.UTF-8"}

    def _addressed(self, value: str) -> str:
        """Names of services, which Docker would resolve, replaced by their address."""
        ours, shared = self.network.hosts[0].address, self.network.services.address
        places = {name: ours if service.is_ours else shared for name, service in self.services.items()}
        return _PLACE.sub(lambda match: places.get(match[0], match[0]), value)

    def _start_postgres(self) -> None:
        service, host = self.services["postgres"], self.network.services
        programs, data = find_programs(), make_folder(self.folder / "postgres", host.user)
        password = data.parent / "password"
        password.write_text(service.environment["POSTGRES_PASSWORD"])
        password.chmod(0o644)
        made = host.run(
            [str(programs / "initdb"), f"--pgdata={data}", "--username=postgres", "--auth=scram-sha-256"]
            + [f"--pwfile={password}", "--encoding=UTF8", "--locale=C", "--no-sync"],
            os.environ,
            Path("/"),
        )
        assert made.returncode == 0, made.stderr
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {self.network.subnet} scram-sha-256\n")
        program, *options = service.command
        listening = ["-c", f"listen_addresses={host.address}", "-c", "unix_socket_directories=", "-c", "fsync=off"]
        host.start("postgres", [str(programs / program), "-D", str(data), *listening, *options], os.environ, Path("/"))
        self._create_database(programs, service.environment)

    def _create_database(self, programs: Path, environment: Mapping[str, str]) -> None:
        host = self.network.services
        where = ["-h", host.address, "-U", "postgres"]
        ready = [str(programs / "pg_isready"), *where]
        wait_for(lambda: host.run(ready, os.environ, Path("/")).returncode == 0, _START_S, self)
        access = {**os.environ, "PGPASSWORD": environment["POSTGRES_PASSWORD"]}
        made = host.run([str(programs / "createdb"), *where, environment["POSTGRES_DB"]], access, Path("/"))
        assert made.returncode == 0, made.stderr

    def _start_redis(self) -> None:
        """The image listens everywhere and asks for no password."""
        host, (_, *options) = self.network.services, self.services["redis"].command
        place = [
            "--bind",
            host.address,
            "--protected-mode",
            "no",
            "--dir",
            str(make_folder(self.folder / "redis", host.user)),
        ]
        host.start("redis", [str(find_server()), *options, *place], os.environ, Path("/"))


def wait_for(
    condition: Callable[[], Any], seconds: float, installation: Installation, said: Sequence[str] = ()
) -> None:
    """Ask until the condition holds; a test that waits in vain fails with what all processes wrote, and `said`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain\n{installation.output()}\n{said}"
        time.sleep(_PAUSE_S)


def _build_image(folder: Path) -> None:
    """What the Dockerfile copies, and nothing else of the checkout; nobody may write there."""
    folder.mkdir()
    for target, source in read_image().copies.items():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / target)
        else:
            shutil.copy2(ROOT / source, folder / target if target != "." else folder / source)


def _mount(folder: Path, place: Path) -> None:
    place.symlink_to(folder)
