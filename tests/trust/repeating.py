"""Secrets, a server that repeats them in every encoding, and a search for them wherever something is kept."""

import base64
import html
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, reverse

from julep_project.core.redis_client import new_redis_client
from julep_project.devservices.loopback import Reply

CORE = "zq8vwkjx4hqp7m"
VALUES = {f"KEY_{number:02}": f'k{number:02}/{CORE}+{number:02}="é{chr(97 + number)}&' for number in range(20)}
HEADER_SAFE = {name: value.replace("é", "e") for name, value in VALUES.items()}


def spellings(value: str) -> dict[str, str]:
    """The value as programs write it, in base64 after nothing, one and two other bytes."""
    raw = value.encode()
    shifted = {f"base64 {offset}": base64.b64encode(bytes(offset) + raw).decode() for offset in range(3)}
    return {
        "plain": value,
        "json": json.dumps(value)[1:-1],
        "json in json": json.dumps(json.dumps(value)[1:-1])[1:-1],
        "html": html.escape(value),
        "query": quote(value, safe=""),
        "form": quote_plus(value).lower(),
        "path": quote(value),
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        **shifted,
        **{f"{name} of addresses": text.translate(str.maketrans("+/", "-_")) for name, text in shifted.items()},
    }


# The part that all values share is written alike in most spellings, and of its base64 this much is always there.
_MARKS = {CORE, CORE.encode().hex(), CORE.encode().hex().upper()} | {
    base64.b64encode(bytes(offset) + CORE.encode()).decode()[4 * (offset > 0) : 4 * ((offset + len(CORE)) // 3)]
    for offset in range(3)
}


def repeat(status: int = 200) -> Any:
    """Answers with all that it was sent, in every spelling."""

    def answer(request: Any) -> Reply:
        sent = [request.target, request.body.decode("utf-8", "replace"), *dict(request.headers).values()]
        told = {f"{place} {how}": text for place, value in enumerate(sent) for how, text in spellings(value).items()}
        shown = next((value for name, value in dict(request.headers).items() if name.lower() == "x-key"), "")
        return Reply(status, {**told, "keys": dict.fromkeys(sent)}, {"X-Shown": quote(shown), "X-Again": shown})

    return answer


def found_in(text: str) -> set[str]:
    """What the text has of a value."""
    return {mark for mark in _MARKS if mark in text}


def kept(media: Path) -> Iterator[tuple[str, str]]:
    """Every table, every key of Redis, every file: a name, and all of it as text."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            yield table, "\n".join(row[0] for row in cursor.fetchall())
    redis = new_redis_client()
    for key in redis.scan_iter(count=1000):
        dumped = redis.dump(key) or b""
        yield f"redis {key!r}", key.decode("latin-1") + dumped.decode("latin-1")
    redis.close()
    for path in media.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes().decode("latin-1")


def staff_pages(client: Client) -> Iterator[tuple[str, str]]:
    """Every page of the staff, of lists and of rows."""
    for model in apps.get_models():
        names = f"{model._meta.app_label}_{model._meta.model_name}"
        try:
            listing = reverse(f"admin:{names}_changelist")
        except NoReverseMatch:
            continue
        yield listing, client.get(listing).content.decode()
        for row in model._default_manager.all()[:20]:
            page = client.get(reverse(f"admin:{names}_change", args=[row.pk]))
            yield f"{listing}{row.pk}", page.content.decode()


def leaks(texts: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Where values were found."""
    return {name: found for name, text in texts if (found := found_in(text) | found_in(_decoded(text)))}


def _decoded(text: str) -> str:
    """What stands in long pieces of base64, such as the `content` of an `api_call`."""
    pieces = (piece for piece in text.replace("\\", " ").replace('"', " ").replace("'", " ").split() if len(piece) > 40)
    return "\n".join(_read(piece) for piece in pieces)


def _read(piece: str) -> str:
    try:
        return base64.b64decode(piece, validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""
