"""Why a call of a hook is not taken.

Forbidden               403
  SignatureRefused
BadRequest              400
  MappingFailed
Conflict                409
  NotReplayable
EncodingRefused         415
ServiceUnavailable      503
  HookPaused
"""

from julep_project.core.errors import BadRequest, Conflict, DomainError, Forbidden, ServiceUnavailable


class SignatureRefused(Forbidden):
    """The call is not signed as it has to be."""

    code = "signature_refused"


class MappingFailed(BadRequest):
    """What the hook is to do with the call cannot be made of it."""

    code = "mapping_failed"


class EncodingRefused(DomainError):
    """The body has a `Content-Encoding`; send it as it is."""

    status = 415
    code = "content_encoding_refused"


class NotReplayable(Conflict):
    """The call cannot be made again."""

    code = "not_replayable"


class HookPaused(ServiceUnavailable):
    """The hook is paused; call again later."""

    code = "hook_paused"
