"""What calls of a hook are signed with: a secret of the vault, and for a while the one before, of which the hook's own
row has a sealed copy."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from agents.models import Developer
from agents.vault.errors import SecretNotReadable
from agents.vault.models import Secret
from agents.vault.overlap import NOTHING_BEFORE, PREVIOUS, becoming_previous, previous_in_force
from agents.vault.sealed_columns import SealedColumn, register
from agents.vault.sealing import Place, seal
from agents.vault.services import create_secret, delete_secret, replace_secret
from agents.vault.values import values_of
from agents.webhooks.signing import new_secret
from executions.hooks.errors import SignatureRefused
from executions.hooks.models import Hook


def secrets_in_force(hook: Hook, at: datetime) -> Iterator[str]:
    """What a call may be signed with: the secret, and the one before while senders may still have that.

    Raises:
        SignatureRefused: the secret is gone. SecretsNotConfigured, SecretNotReadable
    """
    secret = _secret_of(hook)
    if secret is None:
        raise SignatureRefused("The secret of the hook is gone")
    yield secret
    before = previous_in_force(hook, _place_of(hook), at)
    if before is not None:
        yield before


def as_previous(hook: Hook, overlap_s: int) -> dict[str, Any]:
    """The columns of a hook that gets another secret: the one it has counts for so long, if it can be read.

    Raises:
        SecretsNotConfigured
    """
    secret = None
    with suppress(SecretNotReadable):
        secret = _secret_of(hook)
    if secret is None or not overlap_s:
        return NOTHING_BEFORE
    sealed = seal(secret, _place_of(hook))
    return becoming_previous(sealed.text, sealed.fingerprint, overlap_s=overlap_s)


def make_secret(hook: Hook) -> str:
    """A secret of the hook's own, in the place of the one it had; it goes with the hook.

    Raises:
        SecretsNotConfigured
    """
    secret, name = new_secret(), f"hook_{hook.pk.hex}"
    described = {"name": name, "value": secret, "description": f"Signs calls of the hook {hook.name}"}
    row = _row(hook.developer, name)
    if row is None:
        create_secret(developer=hook.developer, values=described)
    else:
        replace_secret(developer=hook.developer, secret_id=row.pk, values=described)
    hook.secret_name, hook.makes_secret = name, True
    return secret


def forget_secret(developer: Developer, name: str) -> None:
    """Remove a secret that was made for a hook, if it is there."""
    row = _row(developer, name)
    if row is not None:
        delete_secret(developer=developer, secret_id=row.pk)


def _row(developer: Developer, name: str) -> Secret | None:
    found: Secret | None = Secret.objects.for_developer(developer).filter(agent=None, name=name).first()
    return found


def _secret_of(hook: Hook) -> str | None:
    name = hook.secret_name or ""
    return values_of(hook.developer, [name]).get(name)


def _place_of(hook: Hook) -> Place:
    return Place(hook.developer_id, None, hook.pk)


register(SealedColumn(Hook, _place_of, *PREVIOUS))
