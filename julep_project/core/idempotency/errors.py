"""What is answered to a request with an `Idempotency-Key`, beside what it asked for.

BadRequest
  KeyNotUsable          400
Conflict                409
  KeyTaken              409
  RequestUnderWay       409, to be sent again
  AnswerNotKept         409
"""

from julep_project.core.errors import BadRequest, Conflict


class KeyNotUsable(BadRequest):
    """An Idempotency-Key has 1 to 255 printable ASCII characters and no spaces."""

    code = "idempotency_key_invalid"


class KeyTaken(Conflict):
    """This Idempotency-Key was used for another request."""

    code = "idempotency_key_taken"


class RequestUnderWay(Conflict):
    """The request with this Idempotency-Key is still under way; try again."""

    code = "idempotency_request_under_way"
    retryable = True
    retry_after_s = 1


class AnswerNotKept(Conflict):
    """The request was carried out; its answer is not kept, because it is too large or secret."""

    code = "idempotency_answer_not_kept"
