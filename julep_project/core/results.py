"""Where Celery keeps what it knows of chords. They only announce: whether their work is done, the database decides."""

import logging
from typing import Any

from celery.backends.redis import RedisBackend
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

# Some seconds in all: a worker whose Redis is away has nothing better to do, and it must not stand still for long.
_TRIES = 8
_BACKOFF = {"base": 0.05, "cap": 1.0}


class Results(RedisBackend):
    """Redis, tried again where a connection broke or does not answer, and never the reason why a message fails."""

    def on_chord_part_return(
        self, request: Any, state: Any, result: Any, propagate: Any = None, **options: Any
    ) -> None:
        """Count a part that has ended, once, however often this is called for it."""
        try:
            super().on_chord_part_return(request, state, result, propagate, **options)
        except (*self.connection_errors, RedisError) as error:
            _say_unannounced(request.group, error)

    def store_result(self, task_id: str, result: Any, state: str, *arguments: Any, **options: Any) -> Any:
        """Keep a result, which nobody reads."""
        try:
            return super().store_result(task_id, result, state, *arguments, **options)
        except (*self.connection_errors, RedisError) as error:
            log.warning("result not kept", extra={"message_id": task_id, "reason": repr(error)})
            return result

    def chord_error_from_stack(self, callback: Any, exc: Any = None) -> None:
        """Nobody waits for a chord that is not announced: the commit that ends the last part rings too."""
        _say_unannounced(callback.options.get("task_id"), exc)

    def _get_pool(self, **parameters: Any) -> Any:
        return super()._get_pool(**parameters, retry=Retry(ExponentialBackoff(**_BACKOFF), _TRIES))


def _say_unannounced(chord: str | None, error: Exception | None) -> None:
    log.warning("chord not announced; the database decides", extra={"chord": chord, "reason": repr(error)})
