"""Celery messages as they lie in Redis: looked at, copied, taken away and put back. Nothing else knows their form."""

import json
from random import Random
from typing import Any
from uuid import uuid4

import redis

QUEUES = ("engine", "io")
_UNACKED = "unacked"

Message = tuple[str, str]
"""A queue, and a message in it as text."""


def copies_of_messages(client: "redis.Redis", random: Random, most: int) -> list[Message]:
    """Some of the messages that wait in a queue or that a worker has and has not confirmed yet."""
    found: list[Message] = []
    for queue in QUEUES:
        found += [(queue, _text(raw)) for raw in client.lrange(queue, 0, most)]
    for raw in client.hvals(_UNACKED):
        body, _, queue = json.loads(raw)
        if queue in QUEUES:
            found.append((queue, json.dumps(body)))
    return random.sample(found, min(most, len(found)))


def take_messages(client: "redis.Redis", most: int) -> list[Message]:
    found: list[Message] = []
    for queue in QUEUES:
        taken: Any = client.rpop(queue, most) or []
        found += [(queue, _text(raw)) for raw in taken]
    return found


def publish(client: "redis.Redis", queue: str, message: str) -> None:
    """Put a message into a queue once more: the same Celery task id, a delivery of its own."""
    body = json.loads(message)
    body["properties"]["delivery_tag"] = str(uuid4())
    client.lpush(queue, json.dumps(body))


def _text(raw: Any) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)
