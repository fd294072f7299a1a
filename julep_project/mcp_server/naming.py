"""Names of tools that stand for agents and tasks: readable, the same each time, and as long as all models take."""

from hashlib import sha256
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Length

# Providers of models take no longer name of a tool.
_LONGEST = 64
_DIGEST = 8
# So many rows whose names begin alike are looked at.
_MOST_ALIKE = 1000


def name_of(prefix: str, canonical_name: str) -> str:
    """The name for what has this canonical name. One that would be too long is cut and ends with a digest."""
    whole = f"{prefix}{canonical_name}"
    if len(whole) <= _LONGEST:
        return whole
    digest = sha256(canonical_name.encode()).hexdigest()[:_DIGEST]
    return f"{whole[: _LONGEST - _DIGEST - 1]}_{digest}"


def named(rows: "QuerySet[Any]", prefix: str, name: str) -> Any | None:
    """The row that the name stands for; None if there is none."""
    if not name.startswith(prefix):
        return None
    found = rows.filter(canonical_name=name.removeprefix(prefix)).first()
    if found is not None or len(name) != _LONGEST:
        return found
    beginning = name[len(prefix) : -_DIGEST - 1]
    cut = rows.alias(length=Length("canonical_name")).filter(length__gt=_LONGEST - len(prefix))
    alike = cut.filter(canonical_name__startswith=beginning)[:_MOST_ALIKE]
    return next((row for row in alike if name_of(prefix, row.canonical_name) == name), None)
