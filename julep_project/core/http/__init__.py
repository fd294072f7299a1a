"""The one way out for requests made on behalf of users (`api_call`, webhooks, documents by URL)."""

from julep_project.core.http.client import HttpClient, Limits, connect, send
from julep_project.core.http.errors import (
    BadResponse,
    BadUrl,
    Blocked,
    CertificateRefused,
    ConnectFailed,
    HttpError,
    InvalidRequest,
    Timeout,
    TooLarge,
    TooManyRedirects,
)
from julep_project.core.http.request import IncomingResponse, OutgoingRequest

__all__ = [
    "BadResponse",
    "BadUrl",
    "Blocked",
    "CertificateRefused",
    "ConnectFailed",
    "HttpClient",
    "HttpError",
    "IncomingResponse",
    "InvalidRequest",
    "Limits",
    "OutgoingRequest",
    "Timeout",
    "TooLarge",
    "TooManyRedirects",
    "connect",
    "send",
]
