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
from julep_project.core.http.request import COMMON_HEADERS, LONGEST_WORD, IncomingResponse, OutgoingRequest, origin_of

__all__ = [
    "COMMON_HEADERS",
    "LONGEST_WORD",
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
    "origin_of",
    "send",
]
