"""Why nobody can sign in, or is not signed in.

ToolError
  ProviderFaulty         the service answers what cannot be used
  ConnectionRefused      whoever was asked to sign in did not agree
  ScopesRefused          the service wants more scopes than it can be given
  ConnectionImpossible   there is nobody to ask, or no way to ask
DomainError
  Conflict
    SignInOver           the link or the state leads nowhere any more
"""

from agents.tools.errors import Delivery, ToolError
from julep_project.core.errors import Conflict


class ProviderFaulty(ToolError):
    """The service that people sign in to, or what it says of itself, cannot be used."""

    kind = "ProviderFaulty"

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message, retryable=retryable, repeatable=True, delivery=Delivery.NOT_SENT)


class ConnectionRefused(ToolError):
    """Somebody was asked to sign in, and did not agree."""

    kind = "ConnectionRefused"

    def __init__(self, message: str) -> None:
        super().__init__(message, delivery=Delivery.NOT_SENT)


class ScopesRefused(ToolError):
    """The service wants scopes for a call for which somebody was asked already, or too many."""

    kind = "ScopesRefused"

    def __init__(self, message: str) -> None:
        super().__init__(message, delivery=Delivery.ANSWERED)


class ConnectionImpossible(ToolError):
    """The call needs somebody who signs in, and there is nobody to ask, or no way to ask."""

    kind = "ConnectionImpossible"

    def __init__(self, message: str) -> None:
        super().__init__(message, delivery=Delivery.NOT_SENT)


class SignInOver(Conflict):
    """This link leads nowhere any more: somebody has signed in, did not agree, or it is too old."""

    code = "sign_in_over"
