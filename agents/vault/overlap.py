"""Secrets that are replaced: for a while the one before counts as well, so that nobody has to change at that moment."""

from datetime import datetime, timedelta
from typing import Any

from agents.vault.errors import SecretNotReadable
from agents.vault.models import Overlapping
from agents.vault.sealing import Place, Sealed, open_sealed
from julep_project.core.clock import TransactionNow

PREVIOUS = ("previous_sealed", "previous_sealed_with")
# Of a row with no secret before, or none that counts any more.
NOTHING_BEFORE: dict[str, Any] = {**dict.fromkeys(PREVIOUS, ""), "previous_until": None}


def becoming_previous(text: Any, fingerprint: Any, *, overlap_s: int) -> dict[str, Any]:
    """The columns of a row whose secret is replaced, of what was sealed until now: it counts for so long, and the one
    before that no more."""
    until = TransactionNow() + timedelta(seconds=overlap_s)
    return {"previous_sealed": text, "previous_sealed_with": fingerprint, "previous_until": until}


def previous_in_force(row: Overlapping, place: Place, at: datetime) -> str | None:
    """The secret before, while it counts. None also where it is lost: that may be why there is another.

    Raises:
        SecretsNotConfigured
    """
    if row.previous_until is None or row.previous_until <= at:
        return None
    try:
        return open_sealed(Sealed(row.previous_sealed, row.previous_sealed_with), place)
    except SecretNotReadable:
        return None
