"""What a process says when `manage.py doctor` asks it whether it sees what the others see.

The one who asks opens an inquiry: a content of its own in the storage, a lock in the database, a note in Redis. The
others say what they find. No value of a setting leaves a process: they are compared by fingerprints that nobody can
make without the secret key.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import redis
from django.conf import settings
from django.db import transaction

from julep_project.core.database import execute, fetch
from julep_project.core.errors import ContentMissing, NotFound, StorageUnavailable
from julep_project.core.redis_client import redis_client
from julep_project.core.storage import storage
from julep_project.env import PROVIDER_ENDINGS, given_values

# Name of the Celery task that makes a worker testify.
TESTIFY = "julep_project.testify"
# Sizes, places and logs of one process.
PER_PROCESS = frozenset(
    "DB_POOL DB_POOL_SIZE API_WORKERS API_THREADS API_QUERY_THREADS API_SEARCH_THREADS CHAT_TOOL_THREADS IO_THREADS "
    "ENGINE_PROCESSES HOST PORT FLOWER_PORT JULEP_HOME JULEP_POSTGRES_USER ALIVE_FILE RETIRING_FILE LOG_LEVEL "
    "LOG_FORMAT LOG_HANDLER LITELLM_LOG JULEP_TEST_BUILD JULEP_CRASH_AT JULEP_CRASH_DIR".split()
)
# The way may differ from machine to machine as long as it leads to the same place, and that is looked at.
_WAYS = frozenset(
    "DATABASE_URL REDIS_URL MEDIA_ROOT FILES_S3_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY".split()
)
_SECRET_KEY = "SECRET_KEY"
_DATABASE = "uses another database"
_KEPT_S = 60
_CONTENT_BYTES = 64


@dataclass(frozen=True)
class Testimony:
    """What one process found."""

    who: str
    # Digest of the content; empty when it cannot be read, and then `trouble` says why.
    content: str
    trouble: str
    same_database: bool
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Inquiry:
    """An open inquiry, and the digest of its content."""

    id: UUID
    content: str

    def testimonies(self, *, timeout_s: float) -> Iterator[Testimony]:
        """What workers have said meanwhile; waits for the first of them."""
        first = _redis().blpop([_box(self.id)], timeout=timeout_s)
        said: Any = None if first is None else first[1]
        while said is not None:
            yield Testimony(**json.loads(said))
            said = _redis().lpop(_box(self.id))

    def troubles(self, other: Testimony) -> list[str]:
        """What a process does not see that the one who asks has put there."""
        unread = f"cannot read what this process stored ({other.trouble or 'other content'})"
        return [*([unread] if other.content != self.content else []), *([] if other.same_database else [_DATABASE])]


def differing_settings(said: Sequence[Testimony]) -> dict[str, list[list[str]]]:
    """Names of the settings that are not the same for all, each with the groups of processes that have the same.

    A process that has not read a setting says nothing of it; keys of providers it always tells.
    """
    by_name: dict[str, dict[str, list[str]]] = {}
    for one in said:
        providers = {name for each in said for name in each.settings if name.endswith(PROVIDER_ENDINGS)}
        for name, fingerprint in {**dict.fromkeys(providers, ""), **one.settings}.items():
            by_name.setdefault(name, {}).setdefault(fingerprint, []).append(one.who)
    found = {
        name: sorted(groups.values(), key=len, reverse=True) for name, groups in by_name.items() if len(groups) > 1
    }
    # All fingerprints are made with the secret key.
    return {_SECRET_KEY: found[_SECRET_KEY]} if _SECRET_KEY in found else dict(sorted(found.items()))


@contextmanager
def inquiry() -> Iterator[Inquiry]:
    """Open for the length of the block, in a transaction of its own.

    Raises:
        StorageUnavailable: the storage takes no content.
        redis.RedisError: Redis does not answer.
    """
    opened, content = uuid4(), secrets.token_bytes(_CONTENT_BYTES)
    storage.save_new(_name(opened), BytesIO(content))
    try:
        _redis().set(_note(opened), b"", ex=_KEPT_S)
        with transaction.atomic():
            execute("SELECT pg_advisory_xact_lock(%s)", [_lock(opened)])
            yield Inquiry(opened, hashlib.sha256(content).hexdigest())
    finally:
        _redis().delete(_note(opened))
        storage.remove(_name(opened))


def testify(inquiry: UUID, *, who: str) -> Testimony:
    """What this process finds of an open inquiry.

    Raises:
        NotFound: there is no such inquiry in the Redis of this process.
    """
    if not _redis().exists(_note(inquiry)):
        raise NotFound("Nobody inquires")
    content, trouble = "", ""
    try:
        content = hashlib.sha256(storage.read_stored(_name(inquiry))).hexdigest()
    except StorageUnavailable as error:
        trouble = error.reason
    except ContentMissing:
        trouble = "there is nothing"
    return Testimony(who, content, trouble, _is_locked(inquiry), _fingerprints(inquiry))


def hand_in(inquiry: UUID, testimony: Testimony) -> None:
    client = _redis()
    pipeline = client.pipeline()
    pipeline.rpush(_box(inquiry), json.dumps(asdict(testimony)))
    pipeline.expire(_box(inquiry), _KEPT_S)
    pipeline.execute()


def _is_locked(inquiry: UUID) -> bool:
    """Locks are of one database: here it cannot be had if this is the database of the one who asks."""
    [(is_free,)] = fetch("SELECT pg_try_advisory_xact_lock(%s)", [_lock(inquiry)])
    return not is_free


def _fingerprints(inquiry: UUID) -> dict[str, str]:
    """Of all that has to be the same everywhere. Without the secret key they tell nothing, not even by trying."""
    values = {name: value for name, value in given_values().items() if name not in PER_PROCESS | _WAYS}
    return {name: _fingerprint(inquiry, name, value) for name, value in values.items()}


def _fingerprint(inquiry: UUID, name: str, value: str) -> str:
    message = json.dumps([str(inquiry), name, value]).encode()
    return hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).hexdigest()[:16]


def _redis() -> redis.Redis:
    return redis_client(2.0, 5.0)


def _name(inquiry: UUID) -> str:
    return f"doctor/{inquiry}"


def _note(inquiry: UUID) -> str:
    return f"julep:inquiry:{inquiry}"


def _box(inquiry: UUID) -> str:
    return f"julep:inquiry:{inquiry}:said"


def _lock(inquiry: UUID) -> int:
    return inquiry.int % 2**63
