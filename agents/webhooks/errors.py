"""Why an endpoint is not made, or nothing is sent to it.

Conflict                409
  TooManyEndpoints
  EndpointDisabled
  StillOnItsWay
"""

from julep_project.core.errors import Conflict


class TooManyEndpoints(Conflict):
    """A developer has so many endpoints at most."""

    code = "too_many_webhooks"


class EndpointDisabled(Conflict):
    """The webhook is disabled: enable it first."""

    code = "webhook_disabled"


class StillOnItsWay(Conflict):
    """The delivery has not ended: it is still on its way."""

    code = "delivery_not_ended"
