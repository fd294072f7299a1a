"""A database that is migrated once and kept, of which the database of each process of tests is a copy."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connection

_PREFIX = "migrated_"
_CORE = Path(__file__).parents[2] / "julep_project" / "core"
# Processes begin at once: one of them migrates, the others wait for it.
_LOCK = 4_201_337


def begin_with_copy() -> None:
    """Let Django make the test database as a copy. Migrating that afterwards finds nothing to do, and looks again at
    what does not come from migrations, as with each start of a new version."""
    name = f"{_PREFIX}{_digest()}"
    quote = connection.ops.quote_name
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [_PREFIX])
        kept = {row[0] for row in cursor.fetchall()}
        if name not in kept:
            for other in kept:
                cursor.execute(f"DROP DATABASE {quote(other)}")
            unfinished = f"{name}_unfinished"
            cursor.execute(f"CREATE DATABASE {quote(unfinished)}")
            _migrate(unfinished)
            cursor.execute(f"ALTER DATABASE {quote(unfinished)} RENAME TO {quote(name)}")
    connection.settings_dict["TEST"]["TEMPLATE"] = name


def _digest() -> str:
    """Another one, as soon as migrations or what they import are others."""
    digest = sha256()
    for path in _sources():
        digest.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    folders = [Path(app.path) / "migrations" for app in apps.get_app_configs()]
    for folder in (*folders, _CORE):
        yield from sorted(folder.rglob("*.py"))


def _migrate(name: str) -> None:
    given = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0, interactive=False)
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        connection.settings_dict["NAME"] = given
