"""System checks: settings by which the wrong people would be let in, or nobody. See `core/health/checks.py`."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from agents.access.verification_keys import LEAST_SHARED_KEY_BYTES, KeySetUnreadable, PublicKeys, load_key_set
from julep_project.core.health.checks import CHECKS

_MOST_SHARED_KEYS = 8


@register(CHECKS)
def check_who_is_let_in(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Only what many tenants need; with one, tokens are not looked at."""
    return list(_problems()) if settings.AGENTS_API_MULTI_TENANT_MODE else []


def _problems() -> Iterator[CheckMessage]:
    if not (settings.JWT_SHARED_KEY or settings.JWT_JWKS_FILE or settings.JWT_JWKS_URL):
        yield Error(
            "AGENTS_API_MULTI_TENANT_MODE is on, and there is nothing to verify tokens with.",
            hint="Set JWT_SHARED_KEY, JWT_JWKS_FILE or JWT_JWKS_URL.",
            id="julep.E010",
        )
    yield from _problems_of_shared_keys()
    yield from _problems_of_public_keys()
    if settings.AGENTS_API_KEY and len(settings.AGENTS_API_KEY) < LEAST_SHARED_KEY_BYTES:
        yield Warning(
            "AGENTS_API_KEY is short, and lets its owner act for every developer.",
            hint=f"Give it {LEAST_SHARED_KEY_BYTES} random characters or more.",
            id="julep.W010",
        )


def _problems_of_shared_keys() -> Iterator[CheckMessage]:
    keys = settings.JWT_SHARED_KEY
    if any(len(key.encode()) < LEAST_SHARED_KEY_BYTES for key in keys):
        yield Error(
            f"JWT_SHARED_KEY has a key of fewer than {LEAST_SHARED_KEY_BYTES} bytes, which can be guessed.",
            hint="`openssl rand -base64 64 | tr -d '\\n'` makes one.",
            id="julep.E011",
        )
    if len(keys) > _MOST_SHARED_KEYS:
        yield Error(f"JWT_SHARED_KEY has more than {_MOST_SHARED_KEYS} keys: each is tried.", id="julep.E012")
    if settings.AGENTS_API_KEY and settings.AGENTS_API_KEY in keys:
        yield Error(
            "AGENTS_API_KEY is one of JWT_SHARED_KEY: whoever may sign tokens would act for every developer.",
            id="julep.E013",
        )


def _problems_of_public_keys() -> Iterator[CheckMessage]:
    if settings.JWT_JWKS_FILE and settings.JWT_JWKS_URL:
        yield Error("JWT_JWKS_FILE and JWT_JWKS_URL are both set: only one can count.", id="julep.E014")
    elif settings.JWT_JWKS_URL and not _is_trustworthy(settings.JWT_JWKS_URL):
        yield Error(
            "JWT_JWKS_URL is not an address whose answers can be trusted.",
            hint="It has to begin with https://, or with http:// and a host of one's own network.",
            id="julep.E015",
        )
    elif settings.JWT_JWKS_FILE:
        try:
            PublicKeys(load_key_set())
        except KeySetUnreadable as error:
            yield Error(f"JWT_JWKS_FILE cannot be used: {error}.", id="julep.E016")


def _is_trustworthy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and bool(host) and _is_near(host)


def _is_near(host: str) -> bool:
    """A container's name, or an address that no foreign network leads to."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host
