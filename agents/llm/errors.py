"""What the client library raises, as errors of the domain.

The library's classes are named here, not imported: this module stays light, and a test compares the names with what
the library has.
"""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping

import httpx
from django.conf import settings

from agents.llm.choice import DEFAULT_MODELS
from agents.llm.sampling import OPEN_MODEL_SAMPLING, PASSED_ON, SAMPLING
from agents.vault.masking import MASK, Masker
from julep_project.core.clock import now
from julep_project.core.errors import (
    DomainError,
    ModelNotUsable,
    ModelOverloaded,
    ModelRefused,
    ModelUnavailable,
    PromptTooBig,
    RateLimited,
    ReplyTooLong,
)
from julep_project.core.work.backoff import retry_after_s

log = logging.getLogger(__name__)

_LONGEST_MESSAGE = 1000
_LONGEST_PLACE = 200
# The library's, before what the provider says.
_PREFIX = re.compile(r"^(?:(?:litellm\.)?\w*(?:Error|Exception|Timeout): )*+(?:\w+(?:Error|Exception) - )?+")
# Of the machines of the provider, or of this one: no business of who asks.
_FOLDERS = "app|bin|code|data|etc|home|lib|mnt|opt|private|proc|root|run|srv|tmp|Users|usr|var|work|workspace"
_PLACES = re.compile(
    rf"File \"[^\"\n]+\", line \d+|(?<![\w/.])/(?:{_FOLDERS})/[\w.@+-]|\b[A-Za-z]:\\\w|\bsite-packages\b"
)
_OF_PLACES = "the model provider failed; what it said is in the log of this server"
# What the library says of itself, and of the answer it could not read.
_INSIDES = ("received_args=",)
_TRACEBACK = "Traceback (most recent call last)"
_URL = re.compile(r"\bhttps?://\S+")
_LONGEST_READ = 16_384
_KEY = re.compile(r"\b(?:sk|pk|key)-[\w*.-]{6,}")

# The library's advice to who calls it, after what it says of a setting that a model does not take.
_UNSUPPORTED, _ADVICE = "UnsupportedParamsError", "To drop "
_SETTING = re.compile(rf"\b(?:{'|'.join(sorted(SAMPLING | OPEN_MODEL_SAMPLING | PASSED_ON, key=len, reverse=True))})\b")

_DEEPEST = 10
_OUT_OF_MONEY = "insufficient_quota"
# What the libraries say where nobody set a key, and nothing was sent: advice to who calls them, not to who calls us.
_NO_KEY = ("Missing credentials. Please pass", "but no key is set", "Missing Gemini API key")
_NO_KEY_TOLD = (
    "There is no key for the provider of this model: set it on the server (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...), "
    "store it as a secret of that name, or send it in the header X-Custom-Api-Key"
)
_TOO_LONG = "context_length_exceeded"
_MAY_PASS = frozenset({408, 425, 429})
_SAYS_WHEN = frozenset({429, 503, 529})
# Whatever is asked, it would be refused: key, budget, rights, name of the model.
_NOT_USABLE = frozenset({401, 402, 403, 404})

# The closest class along an error's ancestry decides.
MAPPING: Mapping[str, type[DomainError]] = {
    "APIConnectionError": ModelUnavailable,
    "APIError": ModelUnavailable,
    "APIResponseValidationError": ModelUnavailable,
    "AuthenticationError": ModelNotUsable,
    "BadGatewayError": ModelUnavailable,
    "BadRequestError": ModelRefused,
    "BlockedPiiEntityError": ModelRefused,
    "BudgetExceededError": ModelNotUsable,
    "ContentPolicyViolationError": ModelRefused,
    "ContextWindowExceededError": PromptTooBig,
    "GuardrailRaisedException": ModelRefused,
    "ImageFetchError": ModelRefused,
    "InternalServerError": ModelUnavailable,
    "InvalidRequestError": ModelRefused,
    "JSONSchemaValidationError": ModelUnavailable,
    "LiteLLMUnknownProvider": ModelNotUsable,
    "MidStreamFallbackError": ModelUnavailable,
    "MockException": ModelUnavailable,
    "ModelNotMappedError": ModelRefused,
    "ModifyResponseException": ModelRefused,
    "NotFoundError": ModelNotUsable,
    "OpenAIError": ModelUnavailable,
    "PaymentRequiredError": ModelNotUsable,
    "PermissionDeniedError": ModelNotUsable,
    "RateLimitError": RateLimited,
    "RejectedRequestError": ModelRefused,
    "SensitiveDataRouteException": ModelRefused,
    "ServiceUnavailableError": ModelUnavailable,
    "Timeout": ModelUnavailable,
    "UnprocessableEntityError": ModelRefused,
    "UnsupportedParamsError": ModelRefused,
    "VectorStoreSearchError": ModelRefused,
}


# What providers say that have too much to do, Anthropic the second.
_OVERLOADED = (503, 529)

# What comes through from below the library, most often in the middle of a stream.
_BROKEN_ANSWERS = (httpx.HTTPError, httpx.StreamError, json.JSONDecodeError, UnicodeDecodeError)


def to_domain_error(error: Exception, api_key: str | None = None) -> DomainError | None:
    """Our error for one of the library's; None when it is not the library's. The key is not repeated in it."""
    too_long = next((one for one in _told_by(error) if isinstance(one, ReplyTooLong)), None)
    if too_long is not None:  # our own, raised below the library while it read
        return ReplyTooLong(str(too_long))
    unread = next((one for one in _told_by(error) if isinstance(one, httpx.DecodingError)), None)
    if unread is not None:
        return ModelUnavailable(f"the model provider's answer could not be read: {_message(unread, api_key)}")
    if type(error).__name__ in MAPPING and any(said in str(error) for said in _NO_KEY):
        return ModelNotUsable(_NO_KEY_TOLD)
    original = getattr(error, "original_exception", None)
    if isinstance(original, Exception):  # the library's wrapper around what happened in the middle of a stream
        return to_domain_error(original, api_key) or ModelUnavailable(_message(error, api_key))
    if getattr(error, "code", None) == _TOO_LONG:  # the library looks at the words alone
        return PromptTooBig(_message(error, api_key))
    if any(
        getattr(one, "code", None) == _OUT_OF_MONEY for one in _told_by(error)
    ):  # it comes as a 429, and no waiting helps
        return ModelNotUsable(_message(error, api_key))
    for ancestor in type(error).__mro__:
        kind = MAPPING.get(ancestor.__name__)
        if kind is RateLimited or (kind is ModelUnavailable and _asks_to_wait(error)):
            return RateLimited(_message(error, api_key), wait_s=_wait_s(error))
        if kind is ModelUnavailable and getattr(error, "status_code", None) in _OVERLOADED:
            return ModelOverloaded(_message(error, api_key))
        if kind is not None:
            refusal = (_refusal_by_status(error) or kind)(_message(error, api_key))
            refusal.param = _place(error)
            return refusal
    if isinstance(error, _BROKEN_ANSWERS):
        return ModelUnavailable(f"the model provider's answer could not be read: {_message(error, api_key)}")
    return None


def _place(error: Exception) -> str | None:
    """Where in the question the mistake is, as the provider says, or the library of a setting."""
    if type(error).__name__ == _UNSUPPORTED:
        named = _SETTING.search(str(error))
        return named[0] if named else None
    places = (getattr(one, "param", None) for one in _told_by(error))
    return next((place[:_LONGEST_PLACE] for place in places if isinstance(place, str) and place), None)


def _asks_to_wait(error: Exception) -> bool:
    """An overloaded provider that says when to come again wants the same as one that counts requests."""
    return getattr(error, "status_code", None) in _SAYS_WHEN and _wait_s(error) is not None


def _wait_s(error: Exception) -> float | None:
    for one in _told_by(error):
        headers = getattr(getattr(one, "response", None), "headers", None) or getattr(one, "headers", None)
        found = retry_after_s(headers, now(), most_s=settings.RETRY_AFTER_MAX_S) if headers else None
        if found is not None:
            return found
    return None


def _told_by(error: BaseException) -> Iterator[BaseException]:
    """The library's error, and those of the libraries below it, which say what it leaves out."""
    one: BaseException | None = error
    for _ in range(_DEEPEST):
        if one is None:
            return
        yield one
        one = one.__cause__ or one.__context__


def _refusal_by_status(error: Exception) -> type[DomainError] | None:
    """The library's catch-all class holds refusals too, told apart by their status alone."""
    status = getattr(error, "status_code", None)
    if type(error).__name__ != "APIError" or not isinstance(status, int):
        return None
    if status in _NOT_USABLE:
        return ModelNotUsable
    return ModelRefused if 400 <= status < 500 and status not in _MAY_PASS else None


def _message(error: Exception, api_key: str | None) -> str:
    """The provider's words, without class names in front, the library's insides, keys and excess length."""
    text = str(getattr(error, "message", None) or error)
    text = _PREFIX.sub("", text)[:_LONGEST_READ]
    if _TRACEBACK in text or _PLACES.search(_URL.sub("", text)):
        hidden = _without_keys(text, api_key)
        log.warning("provider's error hidden", extra={"action": "provider_error_hidden", "text": hidden})
        return _OF_PLACES
    insides = (*_INSIDES, _ADVICE) if type(error).__name__ == _UNSUPPORTED else _INSIDES
    for beginning in insides:
        text = text.partition(beginning)[0].rstrip()
    return _without_keys(text, api_key)[:_LONGEST_MESSAGE] or type(error).__name__


def _without_keys(text: str, api_key: str | None) -> str:
    keys = (api_key, *(os.environ.get(variable) for variable in DEFAULT_MODELS))
    hidden = Masker({key: MASK for key in keys if key})
    return _KEY.sub(MASK, hidden.excerpt(text))
