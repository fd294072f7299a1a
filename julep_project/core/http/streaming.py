"""Sends requests from an event loop, and reads answers while they are still being sent.

Policy, checks and errors are those of `client`. Its time-outs are not here: whoever waits does so within a deadline of
its own loop, which ends what is under way.
"""

import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Self

import anyio
import anyio.to_thread
import httpcore
import httpx
from django.conf import settings

from julep_project.core.http.addresses import AddressPolicy
from julep_project.core.http.body import Inflater, known_codings
from julep_project.core.http.client import Limits, checked_headers, for_pool, public_authorities, translated
from julep_project.core.http.deadline import deadline_in
from julep_project.core.http.errors import CertificateRefused, TooLarge
from julep_project.core.http.network import CONNECT_TIMEOUT_S, CheckedNetwork, Resolver, resolve
from julep_project.core.http.own import own_places
from julep_project.core.http.request import OutgoingRequest, place_of, write_request

_MOST_CONNECTIONS = 10


class AsyncNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections that the policy permits: a name is resolved once, and exactly what was checked is dialled."""

    def __init__(self, network: CheckedNetwork) -> None:
        self._network = network
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first permitted address that answers."""
        refused: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await self._permitted(host, port):
            try:
                return await self._backend.connect_tcp(address, port, timeout=CONNECT_TIMEOUT_S)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = error
        raise refused

    async def _permitted(self, host: str, port: int) -> list[str]:
        # The resolver cannot be interrupted; a thread that still waits for it is left behind.
        return await anyio.to_thread.run_sync(partial(self._looked_up, host, port), abandon_on_cancel=True)

    def _looked_up(self, host: str, port: int) -> list[str]:
        with deadline_in(CONNECT_TIMEOUT_S):
            return self._network.permitted(host, port)


class StreamedResponse:
    """An answer of whatever status; its body is read by iterating, decoded and bounded."""

    def __init__(self, response: httpcore.Response, headers: httpx.Headers, limits: Limits, place: str) -> None:
        self._response = response
        self._limits = limits
        self._place = place
        self.status = response.status
        self.headers = headers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces of the body.

        Raises:
            HttpError
        """
        inflaters = [Inflater(coding) for coding in known_codings(self.headers.get("content-encoding", ""))]
        sent = decoded = 0
        with _translated(self._place):
            async for chunk in self._response.aiter_stream():
                sent = self._counted(sent, chunk)
                for piece in _inflated(inflaters, chunk):
                    decoded = self._counted(decoded, piece)
                    yield piece
            for piece in _rest(inflaters):
                decoded = self._counted(decoded, piece)
                yield piece

    async def aclose(self) -> None:
        await self._response.aclose()

    def _counted(self, total: int, piece: bytes) -> int:
        total += len(piece)
        if total > self._limits.body_bytes:
            limit = self._limits.body_bytes
            raise TooLarge(f"the answer has more than {limit} bytes (setting JULEP_HTTP_MAX_BYTES)")
        return total


class StreamingClient:
    """Connections of one event loop, under one policy. To be used in an `async with` block."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        limits: Limits,
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or public_authorities(),
            max_connections=_MOST_CONNECTIONS,
            network_backend=AsyncNetwork(CheckedNetwork(policy, resolver)),
        )

    @classmethod
    def under_settings(cls) -> Self:
        """Under the settings `JULEP_HTTP_ALLOW` and `JULEP_HTTP_MAX_BYTES`."""
        policy = AddressPolicy.parse(settings.JULEP_HTTP_ALLOW, own_places())
        return cls(policy, limits=Limits(body_bytes=settings.JULEP_HTTP_MAX_BYTES))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.aclose()

    async def open(self, request: OutgoingRequest) -> StreamedResponse:
        """Send a request; redirects are not followed. The answer has to be closed.

        Raises:
            HttpError
        """
        written = write_request(replace(request, follow_redirects=False))
        place = place_of(written.url)
        with _translated(place):
            response = await self._pool.handle_async_request(for_pool(written))
            try:
                headers = checked_headers(response, self._limits)
            except BaseException:
                await response.aclose()
                raise
        return StreamedResponse(response, headers, self._limits, place)


@contextmanager
def _translated(place: str) -> Any:
    with translated(place, CONNECT_TIMEOUT_S):
        try:
            yield
        except httpcore.ConnectError as error:
            if any(isinstance(each, ssl.SSLCertVerificationError) for each in _causes(error)):
                raise CertificateRefused(f"the certificate of {place} is not valid for it") from error
            raise


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _inflated(inflaters: list[Inflater], chunk: bytes) -> Iterable[bytes]:
    pieces: Iterable[bytes] = [chunk]
    for inflater in inflaters:
        pieces = _fed(inflater, pieces)
    return pieces


def _fed(inflater: Inflater, pieces: Iterable[bytes]) -> Iterable[bytes]:
    for piece in pieces:
        yield from inflater.feed(piece)


def _rest(inflaters: list[Inflater]) -> Iterable[bytes]:
    for index, inflater in enumerate(inflaters):
        pieces: Iterable[bytes] = inflater.end()
        for later in inflaters[index + 1 :]:
            pieces = _fed(later, pieces)
        yield from pieces
