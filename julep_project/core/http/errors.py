"""What can go wrong with an outgoing request. `retryable`: the same request may succeed later.

HttpError
  InvalidRequest        the request cannot be written
    BadUrl
  Blocked               the address is not one users may reach
  CertificateRefused
  ConnectFailed         retryable
  Timeout               retryable
  BadResponse           the answer is not HTTP, or cannot be decoded
  TooLarge
  TooManyRedirects
"""

from typing import ClassVar


class HttpError(Exception):
    """The request did not get an answer that can be used. Messages never hold a query, a body or credentials."""

    retryable: ClassVar[bool] = False


class InvalidRequest(HttpError):
    """The request cannot be written as HTTP."""


class BadUrl(InvalidRequest):
    """The URL is not an absolute http or https URL."""


class Blocked(HttpError):
    """The host has no address that user requests may reach."""


class CertificateRefused(HttpError):
    """The host could not prove its name."""


class ConnectFailed(HttpError):
    """No connection, or it was lost before the answer was complete."""

    retryable = True


class Timeout(HttpError):
    """The answer was not complete in time."""

    retryable = True


class BadResponse(HttpError):
    """The answer breaks HTTP or its own content encoding."""


class TooLarge(HttpError):
    """The answer is larger than the limit."""


class TooManyRedirects(HttpError):
    """The chain of redirects is longer than the limit."""
