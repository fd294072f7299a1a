"""The clients by which a process speaks to Redis where Celery does not."""

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from julep_project.core.process.once import Once


def new_redis_client(connect_s: float = 1.0, answer_s: float = 1.0) -> redis.Redis:
    """A client of the caller's own. It says at once what is wrong, instead of trying again by itself."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=connect_s,
        socket_timeout=answer_s,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )


redis_client = Once(new_redis_client)
