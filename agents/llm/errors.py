"""What the client library raises, as errors of the domain.

The library's classes are named here, not imported: this module stays light, and a test compares the names with what
the library has.
"""

import os
import re
from collections.abc import Mapping

from agents.llm.choice import DEFAULT_MODELS
from julep_project.core.errors import DomainError, ModelRefused, ModelUnavailable, PromptTooBig

_LONGEST_MESSAGE = 1000
_PREFIX = re.compile(r"^(?:litellm\.)?\w+(?:Error|Exception|Timeout)?: (?=\w+(?:Error|Exception)?\b)")
_KEY = re.compile(r"\b(?:sk|pk|key)-[\w*.-]{6,}")

_MAY_PASS = frozenset({408, 425, 429})

# The closest class along an error's ancestry decides.
MAPPING: Mapping[str, type[DomainError]] = {
    "APIConnectionError": ModelUnavailable,
    "APIError": ModelUnavailable,
    "APIResponseValidationError": ModelUnavailable,
    "AuthenticationError": ModelRefused,
    "BadGatewayError": ModelUnavailable,
    "BadRequestError": ModelRefused,
    "BlockedPiiEntityError": ModelRefused,
    "BudgetExceededError": ModelRefused,
    "ContentPolicyViolationError": ModelRefused,
    "ContextWindowExceededError": PromptTooBig,
    "GuardrailRaisedException": ModelRefused,
    "ImageFetchError": ModelRefused,
    "InternalServerError": ModelUnavailable,
    "InvalidRequestError": ModelRefused,
    "JSONSchemaValidationError": ModelUnavailable,
    "LiteLLMUnknownProvider": ModelRefused,
    "MidStreamFallbackError": ModelUnavailable,
    "MockException": ModelUnavailable,
    "ModelNotMappedError": ModelRefused,
    "ModifyResponseException": ModelRefused,
    "NotFoundError": ModelRefused,
    "OpenAIError": ModelUnavailable,
    "PaymentRequiredError": ModelRefused,
    "PermissionDeniedError": ModelRefused,
    "RateLimitError": ModelUnavailable,
    "RejectedRequestError": ModelRefused,
    "SensitiveDataRouteException": ModelRefused,
    "ServiceUnavailableError": ModelUnavailable,
    "Timeout": ModelUnavailable,
    "UnprocessableEntityError": ModelRefused,
    "UnsupportedParamsError": ModelRefused,
    "VectorStoreSearchError": ModelRefused,
}


def to_domain_error(error: Exception) -> DomainError | None:
    """Our error for one of the library's; None when it is not the library's."""
    for ancestor in type(error).__mro__:
        kind = MAPPING.get(ancestor.__name__)
        if kind is not None:
            return (ModelRefused if _is_refusal(error) else kind)(_message(error))
    return None


def _is_refusal(error: Exception) -> bool:
    """The library's catch-all class holds refusals too, told apart by their status alone."""
    status = getattr(error, "status_code", None)
    return (
        type(error).__name__ == "APIError"
        and isinstance(status, int)
        and 400 <= status < 500
        and status not in _MAY_PASS
    )


def _message(error: Exception) -> str:
    """The provider's words, without class names in front, keys and excess length."""
    text = str(getattr(error, "message", None) or error)
    text = _PREFIX.sub("", text)
    for variable in DEFAULT_MODELS:
        key = os.environ.get(variable)
        text = text.replace(key, "***") if key else text
    return _KEY.sub("***", text)[:_LONGEST_MESSAGE] or type(error).__name__
