"""The system user Postgres runs as. Postgres refuses to run as root, so root lends it to another user."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from julep_project.devservices.errors import ServiceError

VARIABLE = "JULEP_POSTGRES_USER"
_DEFAULT_USER = "nobody"


@dataclass(frozen=True)
class Account:
    """How to start a command as this user."""

    name: str
    uid: int | None = None
    gid: int | None = None
    wrapper: tuple[str, ...] = ()

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line to start."""
        return [*self.wrapper, *arguments]

    def options(self) -> dict[str, Any]:
        """Keyword arguments of `subprocess.Popen` that go with `command`."""
        if self.uid is None or self.wrapper:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Make the folder, private to this user. Its parents keep their rights."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)

    def can_use(self, *, programs: Path, folder: Path) -> bool:
        """True when this user may run programs from the one folder and write to the other."""
        script = 'test -x "$1" && test -r "$1" && test -w "$2" && test -x "$2"'
        return self._succeeds(["/bin/sh", "-c", script, "probe", str(programs), str(folder)])

    def first_closed_folder(self, path: Path) -> Path | None:
        """The outermost folder on the way to `path` that this user may not enter."""
        for folder in [*reversed(path.parents), path]:
            if not self._succeeds(["/bin/sh", "-c", 'test -x "$1"', "probe", str(folder)]):
                return folder
        return None

    def _succeeds(self, arguments: Sequence[str]) -> bool:
        try:
            answer = subprocess.run(
                self.command(arguments), capture_output=True, check=False, cwd="/", **self.options()
            )
        except OSError:
            return False
        return answer.returncode == 0


def choose_account(*, programs: Path, folder: Path, environ: Mapping[str, str]) -> Account:
    """The user who runs Postgres: the caller, or for root another one that can reach both folders.

    `folder` is made when missing and handed to that user.

    Raises:
        ServiceError: the user does not exist, or cannot reach a folder even with the capability to search folders.
    """
    if os.geteuid() != 0:
        account = Account(name="")
        account.own(folder)
        return account
    account = _named_account(environ.get(VARIABLE) or _DEFAULT_USER)
    account.own(folder)
    for candidate in [account, *_with_capability(account)]:
        if candidate.can_use(programs=programs, folder=folder):
            return candidate
    closed = account.first_closed_folder(programs) or account.first_closed_folder(folder)
    raise ServiceError(
        f"Postgres cannot run as root, and the user {account.name} may not enter {closed}. "
        f"Run as a normal user, allow it with: chmod o+x '{closed}', move the project, "
        f"or name another user in {VARIABLE}."
    )


def _named_account(name: str) -> Account:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ServiceError(f"There is no user {name!r} to run Postgres as. Set {VARIABLE} to another one.") from None
    if entry.pw_uid == 0:
        raise ServiceError(f"Postgres cannot run as {name}: it has the rights of root. Set {VARIABLE} to another user.")
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def _with_capability(account: Account) -> list[Account]:
    """The same user, allowed to pass through closed folders (Linux): it gains no right to write anywhere."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    return [
        Account(
            name=account.name,
            uid=account.uid,
            gid=account.gid,
            wrapper=(
                setpriv,
                f"--reuid={account.uid}",
                f"--regid={account.gid}",
                "--clear-groups",
                "--securebits=+no_setuid_fixup",  # access(2), by which Postgres looks for its programs, forgets it else
                f"--inh-caps=+{capability}",
                f"--ambient-caps=+{capability}",
                "--",
            ),
        )
        for capability in ("dac_read_search", "dac_override")
    ]
