"""Sockets for the connection pool: a name is resolved once, its addresses are checked, and exactly those are dialled.

TLS still verifies the name, because the pool asks for it by the URL's host.
"""

import queue
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

from julep_project.core.http.addresses import AddressPolicy
from julep_project.core.http.deadline import seconds_left
from julep_project.core.http.errors import BadUrl, Blocked, CertificateRefused

CONNECT_TIMEOUT_S = 10.0
Resolver = Callable[[str, int, float], list[str]]


def resolve(host: str, port: int, timeout_s: float) -> list[str]:
    """Addresses of a host, in the system's order of preference.

    The system's resolver cannot be interrupted, so it works in a thread that is left behind when time is up.

    Raises:
        TimeoutError, OSError, UnicodeError
    """
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()
    threading.Thread(target=_look_up, args=(host, port, answers), name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError(f"no address for {host} in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _look_up(host: str, port: int, answers: "queue.SimpleQueue[list[str] | Exception]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
    except Exception as error:  # handed to the waiting thread, whatever it is
        answers.put(error)


class CheckedNetwork(httpcore.NetworkBackend):
    """Opens connections that the policy permits, and no others."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver = resolve) -> None:
        self._policy = policy
        self._resolver = resolver

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first permitted address that answers. `timeout` gives way to the deadline."""
        return SocketStream(self.dial(host, port))

    def dial(self, host: str, port: int) -> socket.socket:
        """A connection to the first permitted address that answers.

        Raises:
            Blocked, BadUrl, httpcore.ConnectError, httpcore.ConnectTimeout
        """
        refused: Exception = OSError(f"{host} has no address")
        for address in self.permitted(host, port):
            try:
                return _dial(address, port)
            except OSError as error:
                refused = error
        kind = httpcore.ConnectTimeout if isinstance(refused, TimeoutError) else httpcore.ConnectError
        raise kind(str(refused)) from refused

    def permitted(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be dialled.

        Raises:
            Blocked, BadUrl, httpcore.ConnectError, httpcore.ConnectTimeout
        """
        try:
            found = self._resolver(host, port, seconds_left())
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except UnicodeError as error:
            raise BadUrl(f"{host[:80]!r} is not a host name") from error
        except OSError as error:
            raise httpcore.ConnectError(f"{host} has no address") from error
        if self._policy.named == (host, port):
            return found
        permitted = [address for address in found if self._policy.permits(address, port)]
        if found and not permitted:
            raise Blocked(self._reason(host, port, found))
        return permitted

    def _reason(self, host: str, port: int, addresses: Iterable[str]) -> str:
        if any(self._policy.belongs_here(address, port) for address in addresses):
            return (
                f"{host}:{port} is a part of this installation; the setting JULEP_HTTP_ALLOW can permit it by its port"
            )
        return f"{host} is not on the public internet; the setting JULEP_HTTP_ALLOW can permit private addresses"


def _dial(address: str, port: int) -> socket.socket:
    connection = socket.create_connection((address, port), timeout=min(CONNECT_TIMEOUT_S, seconds_left()))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class SocketStream(httpcore.NetworkStream):
    """A connected socket, plain or TLS, whose every wait is bounded by the deadline of the running request."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Bytes that have arrived, at least one; none at the end."""
        with _translated(httpcore.ReadTimeout, httpcore.ReadError):
            self._socket.settimeout(seconds_left())
            return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        with _translated(httpcore.WriteTimeout, httpcore.WriteError):
            while rest:
                self._socket.settimeout(seconds_left())
                rest = rest[self._socket.send(rest) :]

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            with _translated(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._socket.settimeout(min(CONNECT_TIMEOUT_S, seconds_left()))
                return SocketStream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname))
        except Exception as error:
            self.close()
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                refusal = f"the certificate of {server_hostname} is not valid for it"
                raise CertificateRefused(refusal) from error.__cause__
            raise

    def get_extra_info(self, info: str) -> Any:
        """What the pool asks: whether an idle connection has something to read, which means it was closed."""
        if info == "is_readable":
            return _is_readable(self._socket)
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        return None


@contextmanager
def _translated(timed_out: type[Exception], broken: type[Exception]) -> Iterator[None]:
    """Errors of the socket as the pool knows them."""
    try:
        yield
    except TimeoutError as error:
        raise timed_out(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error


def _is_readable(connection: socket.socket) -> bool:
    if connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
