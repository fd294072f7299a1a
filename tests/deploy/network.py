"""Hosts that are network namespaces on one bridge: addresses, names and processes of their own, on this machine."""

import ipaddress
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Self

import pytest

from julep_project.devservices.process import is_alive
from tests.demanded import leave_out
from tests.loopback.network_guard import own_network

# The user of the image, and one whom the system knows by name, which Postgres insists on.
USER = 10001
SERVICES_USER = 65534
_PREFIX = "jl"


def need_namespaces() -> None:
    """Leave the test out, or fail where it is demanded, if this machine lets us make no hosts."""
    if missing := _missing():
        leave_out(f"the rehearsal on two hosts {missing}")


@cache
def _missing() -> str:
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    absent = [name for name in ("ip", "unshare", "setpriv") if shutil.which(name) is None]
    if absent:
        return f"needs {', '.join(absent)} (packages iproute2 and util-linux)"
    name = f"{_PREFIX}{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return f"may not make network namespaces here: {made.stderr.strip()}" if made.returncode else ""


class Host:
    """A machine: what runs here has its address and its name, and is not root."""

    def __init__(self, network: "Network", name: str, address: str, *, user: int = USER) -> None:
        self.network = network
        self.name = name
        self.address = address
        self.user = user
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Start a process in a group of its own; it writes to `<name>.log` in the network's folder."""
        with self._log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._inside(command), env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, *, timeout_s: float = 150
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            self._inside(command),
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def is_running(self, name: str) -> bool:
        """The process has not ended."""
        return self._processes[name].poll() is None

    def pull_the_plug(self) -> None:
        """No packet leaves the machine any more, then everything on it is dead: nobody is told that it ended."""
        self.network.ip("-n", self.network.hub, "link", "set", self.name, "down")
        self.kill()

    def kill(self) -> None:
        """End all its processes at once."""
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes.values():
            process.wait()
        self._processes.clear()

    def output(self, *, characters: int = 3000) -> str:
        """What its processes wrote last, for a failing test."""
        logs = sorted(self.network.folder.glob(f"{self.name}-*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-characters:]}" for log in logs)

    def _log(self, name: str) -> Path:
        return self.network.folder / f"{self.name}-{name}.log"

    def _inside(self, command: Sequence[str]) -> list[str]:
        named = 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"'
        enter = ["ip", "netns", "exec", self.network.namespace(self.name), "unshare", "--uts", "/bin/sh", "-c", named]
        return [*enter, self.name, *as_user(self.user, self.network.folder), *command]


class Network:
    """Some hosts and, on a host of their own, the services they share. `gateway` is the address of the test itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._base = f"10.{200 + os.getpid() // 250 % 50}.{os.getpid() % 250}"
        self.subnet = ipaddress.ip_network(f"{self._base}.0/24")
        self.gateway = f"{self._base}.1"
        self.hub = self.namespace("hub")
        self.services = Host(self, "hub", f"{self._base}.2", user=SERVICES_USER)
        self.hosts: list[Host] = []
        self._stack = ExitStack()

    def namespace(self, name: str) -> str:
        """What the system calls the namespace of a host."""
        return f"{_PREFIX}{os.getpid()}-{name}"

    def add(self, name: str) -> Host:
        host = Host(self, name, f"{self._base}.{10 + len(self.hosts)}")
        self.ip("netns", "add", self.namespace(name))
        self.hosts.append(host)
        self.ip("-n", self.namespace(name), "link", "add", "eth0", "type", "veth", "peer", name, "netns", self.hub)
        self._bring_up(name, "eth0", host.address)
        self._join(name)
        return host

    def ip(self, *arguments: str) -> None:
        """Run `ip`."""
        answer = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"ip {' '.join(arguments)}: {answer.stderr}"

    def __enter__(self) -> Self:
        _remove_leftovers()
        with self._stack as stack:
            stack.callback(self._remove)
            self.ip("netns", "add", self.hub)
            self.ip("-n", self.hub, "link", "add", "br0", "type", "bridge")
            self._bring_up("hub", "br0", self.services.address)
            own = f"{_PREFIX}{os.getpid()}"
            self.ip("link", "add", own, "type", "veth", "peer", "test", "netns", self.hub)
            self.ip("address", "add", f"{self.gateway}/24", "dev", own)
            self.ip("link", "set", own, "up")
            self._join("test")
            stack.enter_context(own_network(self.subnet))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _bring_up(self, name: str, device: str, address: str) -> None:
        inside = ("-n", self.namespace(name))
        self.ip(*inside, "address", "add", f"{address}/24", "dev", device)
        self.ip(*inside, "link", "set", device, "up")
        self.ip(*inside, "link", "set", "lo", "up")

    def _join(self, device: str) -> None:
        self.ip("-n", self.hub, "link", "set", device, "master", "br0", "up")

    def _remove(self) -> None:
        for host in (*self.hosts, self.services):
            host.kill()
        for host in (*self.hosts, self.services):
            subprocess.run(["ip", "netns", "del", self.namespace(host.name)], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", f"{_PREFIX}{os.getpid()}"], capture_output=True, check=False)


def _remove_leftovers() -> None:
    """Namespaces of test runs that were killed."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    for line in listed.splitlines():
        name = (line.split() or [""])[0]
        owner = name.removeprefix(_PREFIX).partition("-")[0]
        if name.startswith(_PREFIX) and owner.isdecimal() and not is_alive(int(owner)):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@cache
def as_user(user: int, folder: Path) -> tuple[str, ...]:
    """How to run something as this user.

    A checkout or an interpreter below a closed folder can be read all the same, by the one capability that needs: it
    gives no right to write anywhere.
    """
    plain = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs")
    securebits = "--securebits=+no_setuid_fixup"  # else access(2), by which Postgres looks for its programs, forgets it
    passing = (*plain, securebits, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    probe = ["/bin/sh", "-c", '"$1" -c "import django" && test -x "$2"', "probe", sys.executable, str(folder)]
    for wrapper in (plain, passing):
        if subprocess.run([*wrapper, *probe], capture_output=True, cwd="/", check=False).returncode == 0:
            return wrapper
    pytest.fail(f"the user {user} can read neither {sys.executable} nor {folder}")
