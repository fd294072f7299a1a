"""Can this server open what is stored? Asked by `manage.py check`, by `doctor`, and by every process at its start."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db import Error as DatabaseError
from django.db.models import Count

from agents.vault.master_keys import UnusableMasterKey, read_master_keys
from agents.vault.sealed_columns import SEALED
from julep_project.core.database import leaving_no_connection
from julep_project.core.health.checks import CHECKS
from julep_project.core.tenancy import system_scope

_SET_OLD_KEY = (
    "Put the key they were sealed with behind the new one in SECRETS_MASTER_KEY, with a comma between. If it is lost, "
    "so are they: `manage.py rotate_secrets --delete-lost FINGERPRINT` removes them."
)


def count_by_key() -> dict[str, int]:
    """How many secrets of all developers each master key has sealed, by its fingerprint."""
    counts: Counter[str] = Counter()
    with system_scope():
        for column in SEALED:
            counts.update(dict(column.rows().order_by().values_list(column.fingerprint).annotate(Count("pk"))))
    return dict(counts)


@register(CHECKS)
def check_master_key(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """A server without the key of what is stored would find out call by call."""
    try:
        known = {key.fingerprint for key in read_master_keys(settings.SECRETS_MASTER_KEY)}
    except UnusableMasterKey as error:
        return [Error(f"SECRETS_MASTER_KEY cannot be used: {error}.", hint=_HINT, id="vault.E001")]
    try:
        with leaving_no_connection():
            stored = count_by_key()
    except DatabaseError:
        # It is away, or not migrated yet: neither can be mended here, and health tells of both.
        return []
    lost = {fingerprint: count for fingerprint, count in stored.items() if fingerprint not in known}
    if not lost:
        return []
    told = ", ".join(f"{count} with {fingerprint}" for fingerprint, count in sorted(lost.items()))
    if not known:
        return [Error(f"Secrets are stored, and SECRETS_MASTER_KEY is not set: {told}.", hint=_HINT, id="vault.E002")]
    return [
        Error(
            f"Secrets are sealed with master keys that SECRETS_MASTER_KEY does not have: {told}; it has "
            f"{', '.join(sorted(known))}.",
            hint=_SET_OLD_KEY,
            id="vault.E003",
        )
    ]


_HINT = "Set it to what the secrets were sealed with: Fernet keys or texts of 32 characters, with commas between."
