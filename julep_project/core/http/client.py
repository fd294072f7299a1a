"""Sends requests that users asked for: checked addresses, bounded time and size, nothing taken from the environment."""

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpcore
import httpx
from django.conf import settings

from julep_project.core.http.addresses import AddressPolicy, is_public
from julep_project.core.http.body import read_body
from julep_project.core.http.deadline import DeadlinePassed, deadline_in, seconds_left
from julep_project.core.http.errors import (
    BadResponse,
    BadUrl,
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    HttpError,
    InvalidRequest,
    Timeout,
    TooLarge,
    TooManyRedirects,
)
from julep_project.core.http.network import CheckedNetwork, Resolver, resolve
from julep_project.core.http.own import OwnAddress, own_places
from julep_project.core.http.request import (
    IncomingResponse,
    OutgoingRequest,
    host_and_port,
    next_request,
    place_of,
    read_url,
    write_request,
)
from julep_project.core.process.once import Once

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_CONNECTIONS = 1000
_MOST_IDLE_CONNECTIONS = 100
_IDLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request with all its redirects."""

    body_bytes: int = 16 * 1024 * 1024
    header_bytes: int = 64 * 1024
    headers: int = 200
    redirects: int = 10
    timeout_s: float = 60.0


class HttpClient:
    """One connection pool under one policy; safe to share between threads.

    An idle connection is used again only for the same scheme, host and port. It was checked when it was opened, and a
    name that has since moved elsewhere is checked again with the next connection.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context or public_authorities(),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_S,
            network_backend=CheckedNetwork(policy, resolver),
        )

    def send(self, request: OutgoingRequest, limits: Limits | None = None) -> IncomingResponse:
        """Send, follow redirects if asked to, and read the whole answer. Nothing is sent twice on its own.

        Raises:
            HttpError
        """
        bounds = limits or Limits()
        if request.timeout_s is not None:
            bounds = replace(bounds, timeout_s=request.timeout_s)
        written = write_request(request)
        with deadline_in(bounds.timeout_s):
            for hop in range(bounds.redirects + 1):
                try:
                    answer = self._exchange(written, bounds, follow=request.follow_redirects)
                except HttpError as error:
                    # Whatever went wrong on the way to the next place, the first one has had the request.
                    error.unclear = error.unclear or hop > 0
                    raise
                if isinstance(answer, IncomingResponse):
                    return answer
                written = answer
        raise TooManyRedirects(f"more than {bounds.redirects} redirects")

    def close(self) -> None:
        self._pool.close()

    def _exchange(self, request: httpx.Request, limits: Limits, *, follow: bool) -> IncomingResponse | httpx.Request:
        """The answer, or the request its redirect leads to."""
        with translated(place_of(request.url), limits.timeout_s):
            response = self._pool.handle_request(for_pool(request, seconds_left()))
            try:
                headers = checked_headers(response, limits)
                location = headers.get("location")
                if follow and response.status in _REDIRECTS and location is not None:
                    following = next_request(request, response.status, location)
                    if following is not None:
                        return following
                codings = headers.get("content-encoding", "")
                content = read_body(response.iter_stream(), codings, limits.body_bytes)
            finally:
                response.close()
        return IncomingResponse(response.status, headers, content, str(request.url))


def send(request: OutgoingRequest, limits: Limits | None = None) -> IncomingResponse:
    """Send under the settings `JULEP_HTTP_ALLOW`, and without `limits` `JULEP_HTTP_MAX_BYTES` and
    `JULEP_HTTP_TIMEOUT_S`.

    Raises:
        HttpError
    """
    if limits is None:
        limits = Limits(body_bytes=settings.JULEP_HTTP_MAX_BYTES, timeout_s=settings.JULEP_HTTP_TIMEOUT_S)
    named = host_and_port(request.url) if request.is_named else None
    return _client(tuple(settings.JULEP_HTTP_ALLOW), own_places(), named).send(request, limits)


def is_sealed_way(text: str) -> bool:
    """Whether secrets may be sent to this URL: it is encrypted, or an address that the operator has opened. A name is
    none: who it leads to may change."""
    try:
        url = read_url(text)
        address = ipaddress.ip_address("127.0.0.1" if url.host == "localhost" else url.host)
    except BadUrl:
        return False
    except ValueError:
        return url.scheme == "https"
    policy = AddressPolicy.parse(settings.JULEP_HTTP_ALLOW, own_places())
    is_opened = not is_public(address) and policy.permits(str(address), url.port or 80)
    return url.scheme == "https" or is_opened


def connect(host: str, port: int, timeout_s: float, *, is_named: bool = False) -> socket.socket:
    """A connection for another protocol than HTTP, under the same policy. `timeout_s` bounds this and each later wait.

    Raises:
        HttpError
    """
    network = _network((host, port) if is_named else None)
    with deadline_in(timeout_s), translated(f"{host[:80]}:{port}", timeout_s):
        connection = network.dial(host, port)
    connection.settimeout(timeout_s)
    return connection


def check_reachable(host: str, port: int, timeout_s: float) -> None:
    """Refuse a place that requests of users may not reach. Nothing is sent.

    Raises:
        HttpError: also when its address cannot be found out.
    """
    with deadline_in(timeout_s), translated(f"{host[:80]}:{port}", timeout_s):
        _network(None).permitted(host, port)


def _network(named: tuple[str, int] | None) -> CheckedNetwork:
    return CheckedNetwork(replace(AddressPolicy.parse(settings.JULEP_HTTP_ALLOW, own_places()), named=named))


@Once
def public_authorities() -> ssl.SSLContext:
    """Shared by all pools: reading the certificates takes longer than most requests do, and a megabyte each time."""
    return httpx.create_ssl_context(verify=True, trust_env=False)


@Once
def _client(allowed: tuple[str, ...], own: tuple[OwnAddress, ...], named: tuple[str, int] | None = None) -> HttpClient:
    """A named place has a pool of its own: whoever may not go there must not find an open connection to it."""
    return HttpClient(replace(AddressPolicy.parse(allowed, own), named=named))


def for_pool(request: httpx.Request, timeout_s: float | None = None) -> httpcore.Request:
    """The request as a pool of connections takes it."""
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        ),
        headers=request.headers.raw,
        content=request.content,
        extensions={} if timeout_s is None else {"timeout": {"pool": timeout_s}},
    )


def checked_headers(response: httpcore.Response, limits: Limits) -> httpx.Headers:
    size = sum(len(name) + len(value) for name, value in response.headers)
    if len(response.headers) > limits.headers or size > limits.header_bytes:
        raise TooLarge(f"the answer has more than {limits.headers} headers or {limits.header_bytes} bytes of them")
    return httpx.Headers(response.headers)


@contextmanager
def translated(place: str, timeout_s: float) -> Iterator[None]:
    try:
        yield
    except HttpError:
        raise
    except httpcore.ConnectTimeout as error:
        raise ConnectTimeout(f"no complete answer from {place} within {timeout_s:g} s: no connection") from error
    except (httpcore.TimeoutException, DeadlinePassed) as error:
        raise Timeout(f"no complete answer from {place} within {timeout_s:g} s") from error
    except httpcore.ConnectError as error:
        raise ConnectFailed(f"the connection to {place} failed: {error}") from error
    except httpcore.NetworkError as error:
        raise ConnectionLost(f"the connection to {place} failed: {error}") from error
    except httpcore.LocalProtocolError:
        # What the library says of a header that it cannot send repeats its value.
        raise InvalidRequest(f"the request to {place} cannot be sent: a header cannot be written") from None
    except httpcore.RemoteProtocolError as error:
        raise _protocol_error(place, error) from error


def _protocol_error(place: str, error: httpcore.RemoteProtocolError) -> HttpError:
    """A closed connection is worth another try, an answer that is not HTTP is not."""
    cause = error.args[0]
    if getattr(cause, "error_status_hint", None) == 431:
        return TooLarge(f"the answer of {place} has headers over the limit")
    if "disconnected" in str(cause) or "closed connection" in str(cause):
        return ConnectionLost(f"{place} closed the connection before its answer was complete")
    return BadResponse(f"{place} did not answer in HTTP: {cause}")
