"""What takes a process a moment when it starts, and would take each test the same: it has clients of its own."""

import ssl
from functools import cache
from typing import Any

import certifi
import pytest
from botocore.loaders import JSONFileLoader
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from whitenoise.middleware import WhiteNoiseMiddleware


def make_once(patch: pytest.MonkeyPatch) -> None:
    """Keep for all tests of this process what does not depend on them."""
    _find_static_files_once(patch)
    _read_certificates_once(patch)
    _read_descriptions_once(patch)
    # The passwords of staff in tests are worth no million rounds; each hash tells how many it had.
    patch.setattr(PBKDF2PasswordHasher, "iterations", 1)


def _find_static_files_once(patch: pytest.MonkeyPatch) -> None:
    """The first request of each client of Django's would look for them all (50 ms)."""
    found: dict[str, Any] = {}
    find = WhiteNoiseMiddleware.add_files_from_finders

    def find_once(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            find(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", find_once)


def _read_certificates_once(patch: pytest.MonkeyPatch) -> None:
    """Each HTTP client would read those of all public authorities (13 ms)."""
    make = ssl.create_default_context
    public = {"cafile": certifi.where()}
    shared = cache(lambda: make(**public))

    def make_or_share(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        return shared() if not args and kwargs == public else make(*args, **kwargs)

    patch.setattr(ssl, "create_default_context", make_or_share)


def _read_descriptions_once(patch: pytest.MonkeyPatch) -> None:
    """Each client of a storage would read what its service can do (80 ms)."""
    read = cache(JSONFileLoader().load_file)
    patch.setattr(JSONFileLoader, "load_file", lambda _, path: read(path))
