"""The outgoing client with the small limits of tests, and a short way to say a request."""

from collections.abc import Callable
from typing import Any

import anyio

from julep_project.core.http import HttpClient, IncomingResponse, Limits, OutgoingRequest, StreamingClient
from julep_project.core.http.addresses import AddressPolicy

LOOPBACK = AddressPolicy.parse(["127.0.0.1"])
LIMITS = Limits(body_bytes=1_000_000, timeout_s=5)


class Client(HttpClient):
    """A client with the small limits of these tests."""

    def send(self, request: OutgoingRequest, limits: Limits | None = None) -> IncomingResponse:
        return super().send(request, limits or LIMITS)


MakeClient = Callable[..., Client]


def get(url: str, **options: Any) -> OutgoingRequest:
    return OutgoingRequest("GET", url, **options)


def read(request: OutgoingRequest, *, limits: Limits = LIMITS, policy: AddressPolicy = LOOPBACK, **options: Any) -> Any:
    """The status and the whole body, as the client for event loops gets them."""

    async def receive() -> tuple[int, bytes]:
        async with StreamingClient(policy, limits=limits, **options) as client:
            answer = await client.open(request)
            try:
                return answer.status, b"".join([piece async for piece in answer])
            finally:
                await answer.aclose()

    return anyio.run(receive)
