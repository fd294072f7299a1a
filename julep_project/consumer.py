"""How a worker meets the end of its connection to the broker."""

import logging

from celery.worker.consumer import Consumer
from kombu.exceptions import OperationalError

from julep_project.core.work import rings

log = logging.getLogger(__name__)


class SteadyConsumer(Consumer):  # type: ignore[misc]
    """Connects anew also where the client library trips over the connection it is to close.

    It tries to hand messages back over a channel that has no connection any more. Celery takes that for an error of its
    own and ends the worker.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        try:
            with rings.sending():
                super().on_connection_error_after_connected(exc)
        except OperationalError as error:
            log.warning("broken connection left open", extra={"reason": repr(error.__cause__)})
