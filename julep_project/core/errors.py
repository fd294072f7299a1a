"""Errors of the domain. `exception_handler` turns them into HTTP; nothing else does.

DomainError
  BadRequest              400
    InvalidTask           400, with located issues
    PromptTooBig          400
    ModelRefused          400
      ModelNotUsable      400
  NotAuthenticated        403 (the contract answers a wrong key with 403)
  Forbidden               403
    CostLimitExceeded
  NotFound                404
  Conflict                409
    ReaderTooSlow
  BodyTooLarge            413
  InvalidInput            422, with one entry per field
  ModelUnavailable        502
    ModelOverloaded
    RateLimited           429
  ReplyTooLong            502
  ContentMissing          503, for good
  ServiceUnavailable      503
    StorageUnavailable    503
  AnswerTimedOut          504
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar


class DomainError(Exception):
    """The request could not be carried out.

    `retryable`: it is likely to succeed later. `repeatable`: it may, for a caller that insists. `is_final` is set on
    one error: before it, something was done that a repetition would do again.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str | None] = None
    type: ClassVar[str] = "http_error"
    retryable: ClassVar[bool] = False
    repeatable: ClassVar[bool] = False
    # What `Retry-After` tells the caller, unless the error is final.
    retry_after_s: int | None = None
    is_final: bool = False
    # The place of what is wrong in the request, as far as it is one place and known.
    param: str | None = None
    # Of the answer, beside those that follow from the others.
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, message: str | None = None, *, fix: str | None = None, extra: Mapping[str, Any] | None = None):
        self.message = message or (self.__doc__ or "").split("\n")[0].strip()
        self.fix = fix
        self.extra = dict(extra or {})
        super().__init__(self.message)

    @property
    def explanation(self) -> str:
        """The message, and what is wrong at which place when that is known."""
        details = self.extra.get("details")
        places = [f"{detail['loc']}: {detail['msg']}" for detail in details] if isinstance(details, list) else []
        if (path := self.extra.get("path")) is not None:
            # What is wrong there is said as what to mend.
            places.append(f"{path}: {self.fix}")
        return ": ".join([self.message, "; ".join(places)] if places else [self.message])


class BadRequest(DomainError):
    """The request is not valid."""


class InvalidTask(BadRequest):
    """Task specification contains validation errors"""

    def __init__(self, issues: Sequence[Mapping[str, Any]], message: str | None = None):
        super().__init__(message, extra={"issues": [dict(issue) for issue in issues]})


class PromptTooBig(BadRequest):
    """The prompt is larger than the model accepts."""

    code = "prompt_too_big"
    type = "PromptTooBigError"


class ModelRefused(BadRequest):
    """The model provider rejected the request."""

    code = "llm_bad_request"
    type = "LLMServiceBadRequest"


class ModelNotUsable(ModelRefused):
    """The model provider rejected the request because of the key, its budget or rights, or the name of the model."""


class NotAuthenticated(DomainError):
    """Could not validate API KEY"""

    status = 403


class Forbidden(DomainError):
    """This is not allowed."""

    status = 403


class CostLimitExceeded(Forbidden):
    """Cost limit exceeded

    `limits` are ids of the limits that are reached, None for the free tier's. `is_momentary`: only together with what
    is set aside for calls under way, of which some may cost less. `asked`: what the call may cost, in US dollars.
    """

    code = "cost_limit_exceeded"

    def __init__(
        self,
        message: str | None = None,
        *,
        limits: Sequence[Any] = (),
        is_momentary: bool = False,
        asked: float = 0.0,
        extra: Mapping[str, Any] | None = None,
    ):
        super().__init__(message, extra=extra)
        self.limits = tuple(limits)
        self.is_momentary = is_momentary
        self.asked = asked


class NotFound(DomainError):
    """Not found"""

    status = 404


class Conflict(DomainError):
    """The resource already exists."""

    status = 409


class ReaderTooSlow(Conflict):
    """The client did not read what was said to it, and the answer was stopped."""

    code = "reader_too_slow"


class BodyTooLarge(DomainError):
    """The request body is larger than the limit."""

    status = 413


class InvalidInput(DomainError):
    """Validation error"""

    status = 422
    code = "validation_error"
    type = "validation_error"

    def __init__(self, details: Sequence[Mapping[str, Any]]):
        super().__init__(extra={"details": [dict(detail) for detail in details]})
        self.param = next((detail["loc"] for detail in details if detail.get("loc")), None)


class ModelUnavailable(DomainError):
    """The model provider did not answer."""

    status = 502
    code = "llm_api_error"
    type = "LLMServiceError"
    retryable = True
    repeatable = True


class ModelOverloaded(ModelUnavailable):
    """The model provider has too much to do."""


class ReplyTooLong(DomainError):
    """The model's reply is longer than a reply may be."""

    status = 502
    code = "reply_too_long"


class RateLimited(ModelUnavailable):
    """The model provider takes no more requests of this key for now.

    `wait_s`: for how long, as far as it is known; `spread_s`: over how long those who wait should spread out then.
    `is_sent`: the provider was asked; otherwise it was known before.
    """

    status = 429

    def __init__(
        self,
        message: str | None = None,
        *,
        wait_s: float | None = None,
        spread_s: float = 0.0,
        is_sent: bool = True,
    ):
        super().__init__(message)
        self.wait_s = wait_s
        self.spread_s = spread_s
        self.is_sent = is_sent

    @property
    def retry_after_s(self) -> int | None:  # type: ignore[override]
        return None if self.wait_s is None else max(math.ceil(self.wait_s), 1)


class ServiceUnavailable(DomainError):
    """A service this needs is not reachable; try again."""

    status = 503
    retryable = True
    repeatable = True
    retry_after_s = 2


class StorageUnavailable(ServiceUnavailable):
    """The file storage is not reachable; try again.

    `reason` is for operators and not told to clients.
    """

    def __init__(self, message: str | None = None, *, reason: str = ""):
        super().__init__(message)
        self.reason = reason or self.message


class ContentMissing(DomainError):
    """The file storage answers, and does not have a content it should have."""

    status = 503


class AnswerTimedOut(DomainError):
    """The answer took longer than a chat may."""

    status = 504
    code = "chat_timed_out"
