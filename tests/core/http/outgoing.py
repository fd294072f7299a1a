"""The outgoing client with the small limits of tests, and a short way to say a request."""

from collections.abc import Callable
from typing import Any

from julep_project.core.http import HttpClient, IncomingResponse, Limits, OutgoingRequest
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
