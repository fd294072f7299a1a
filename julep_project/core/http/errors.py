"""What can go wrong with an outgoing request.

`retryable`: the same request is likely to succeed later. `repeatable`: it may, if the caller insists. `unclear`: it
was sent, or may have been, and no answer tells whether it was carried out.

HttpError
  InvalidRequest        the request cannot be written
    BadUrl
  Blocked               the address is not one users may reach
  CertificateRefused
  ConnectFailed         retryable
    ConnectionLost      retryable
  Timeout               retryable
    ConnectTimeout      retryable
  BadResponse           the answer is not HTTP, or cannot be decoded
  TooLarge
  TooManyRedirects
"""

from typing import ClassVar


class HttpError(Exception):
    """The request did not get an answer that can be used. Messages never hold a query, a body or credentials."""

    retryable: ClassVar[bool] = False
    repeatable: ClassVar[bool] = True
    unclear: bool = True


class InvalidRequest(HttpError):
    """The request cannot be written as HTTP."""

    repeatable = False
    unclear = False


class BadUrl(InvalidRequest):
    """The URL is not an absolute http or https URL."""


class Blocked(HttpError):
    """The host has no address that user requests may reach."""

    repeatable = False
    unclear = False


class CertificateRefused(HttpError):
    """The host could not prove its name."""

    repeatable = False
    unclear = False


class ConnectFailed(HttpError):
    """No connection: nothing was sent."""

    retryable = True
    unclear = False


class ConnectionLost(ConnectFailed):
    """The connection was lost before the answer was complete."""

    unclear = True


class Timeout(HttpError):
    """The answer was not complete in time."""

    retryable = True


class ConnectTimeout(Timeout):
    """No connection in time: nothing was sent."""

    unclear = False


class BadResponse(HttpError):
    """The answer breaks HTTP or its own content encoding."""


class TooLarge(HttpError):
    """The answer is larger than the limit."""


class TooManyRedirects(HttpError):
    """The chain of redirects is longer than the limit."""
