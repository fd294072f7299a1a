"""The state folder of one installation: its lock, its keys, and the note that says what runs."""

import fcntl
import json
import os
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from julep_project.devservices.errors import ServiceError
from julep_project.devservices.files import write_private
from julep_project.devservices.process import is_alive
from julep_project.env import parse_env_file

# How long a killed supervisor's children may take to end.
_LEFTOVER_WAIT_S = 15.0
_POLL_S = 0.1
_FERNET_KEYS = ("SECRETS_MASTER_KEY",)


class Home:
    """Folder of the embedded services, keys and logs."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.env_file = self.path / "env"
        self.note_file = self.path / "up.json"
        self._lock_file = self.path / "lock"

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Own the folder for the length of the block; gives the descriptor that holds the lock.

        After a hard kill the guardian still holds it until the last child is gone; that is waited for.

        Raises:
            ServiceError: another installation runs here, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            hint = "Set JULEP_HOME to another folder."
            raise ServiceError(f"Cannot write to {self.path}: {error.strerror}. {hint}") from error
        try:
            self._take(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    def keep_secrets(self, environ: Mapping[str, str], *names: str) -> dict[str, str]:
        """The named secrets: from the environment, else from the env file, else made now and kept there."""
        kept = self.read_env()
        fresh = {name: _made(name) for name in names if not environ.get(name) and not kept.get(name)}
        if fresh:
            self.write_env(fresh)
        return {name: environ.get(name) or kept.get(name) or fresh[name] for name in names}

    def read_env(self) -> dict[str, str]:
        """What the env file says."""
        try:
            return parse_env_file(self.env_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def write_env(self, values: Mapping[str, str | None]) -> None:
        """Set lines of the env file (None removes one). Other lines, such as provider keys, stay as they are."""
        text = self.env_file.read_text(encoding="utf-8") if self.env_file.exists() else ""
        kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in values]
        added = [f"{name}={value}" for name, value in values.items() if value is not None]
        write_private(self.env_file, "\n".join([*kept, *added]) + "\n")

    def write_note(self, note: Mapping[str, Any]) -> None:
        """Say what runs, for programs: addresses, key, process ids."""
        write_private(self.note_file, json.dumps(note, indent=2) + "\n")

    def read_note(self) -> dict[str, Any]:
        """What runs; empty when nothing does."""
        with suppress(FileNotFoundError, ValueError):
            note = json.loads(self.note_file.read_text(encoding="utf-8"))
            return note if isinstance(note, dict) else {}
        return {}

    def remove_note(self) -> None:
        with suppress(FileNotFoundError):
            self.note_file.unlink()

    def _take(self, descriptor: int) -> None:
        deadline = time.monotonic() + _LEFTOVER_WAIT_S
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            owner = os.pread(descriptor, 32, 0).decode("ascii", errors="replace").strip()
            if (owner.isdecimal() and is_alive(int(owner))) or time.monotonic() >= deadline:
                raise ServiceError(self._already_running(owner))
            time.sleep(_POLL_S)

    def _already_running(self, owner: str) -> str:
        url = self.read_note().get("url")
        where = f" at {url}" if url else ""
        return (
            f"An installation is already running{where} (process {owner}, folder {self.path}). "
            f"Stop it with Ctrl-C in its terminal or: kill {owner}. To run a second one, set JULEP_HOME, PORT and "
            "FLOWER_PORT."
        )


def _made(name: str) -> str:
    """A new secret, in the form that its setting wants."""
    if name in _FERNET_KEYS:
        return urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(48)
