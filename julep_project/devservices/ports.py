"""TCP ports: which are free, and which one to use."""

import errno
import socket
from collections.abc import Mapping

from julep_project.devservices.errors import ServiceError

LOOPBACK = "127.0.0.1"


def free_port(host: str = LOOPBACK) -> int:
    """A port nobody listens on now. Another process may take it before the caller does."""
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """True when this process could listen there.

    Raises:
        ServiceError: the address does not belong to this machine, or the port needs more rights.
    """
    try:
        with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise ServiceError(f"Cannot listen on {host}:{port}: {error.strerror or error}") from error
    return True


def choose_port(variable: str, default: int, host: str, environ: Mapping[str, str]) -> int:
    """The port the variable asks for (0: any free one), checked to be free.

    Raises:
        ServiceError: it is not a port number, or it is taken.
    """
    text = environ.get(variable, "").strip() or str(default)
    if not text.isdecimal() or int(text) > 65535:
        raise ServiceError(f"{variable} must be a port number between 0 and 65535; it is {text!r}")
    port = int(text)
    if port == 0:
        return free_port(host)
    if not is_free(host, port):
        raise ServiceError(
            f"Port {port} on {host} is taken. Stop what uses it, or choose another with {variable}=<port> "
            f"({variable}=0 takes any free one)."
        )
    return port


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
