"""What is said of settings by which the wrong people would be let in, or nobody."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from agents.access.checks import check_who_is_let_in
from julep_project.core.health.checks import refuse_errors
from tests.access.tokens import SHARED, PublicSigner

LONG = "an-operators-key-of-32-characters-or-more"


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"JWT_SHARED_KEY": []}, ["julep.E010"]),
        ({"JWT_SHARED_KEY": [SHARED, "short"]}, ["julep.E011"]),
        ({"JWT_SHARED_KEY": [SHARED] * 9}, ["julep.E012"]),
        ({"AGENTS_API_KEY": SHARED}, ["julep.E013"]),
        ({"AGENTS_API_KEY": "short"}, ["julep.W010"]),
        ({"JWT_JWKS_URL": "https://example.com/keys", "JWT_SHARED_KEY": []}, []),
        ({"JWT_JWKS_URL": "http://keycloak:8080/keys"}, []),
        ({"JWT_JWKS_URL": "http://127.0.0.1/keys"}, []),
        ({"JWT_JWKS_URL": "http://example.com/keys"}, ["julep.E015"]),
        ({"JWT_JWKS_URL": "file:///etc/passwd"}, ["julep.E015"]),
        ({"JWT_JWKS_URL": "https://[::1"}, ["julep.E015"]),
        ({"JWT_JWKS_URL": "https://example.com/keys", "JWT_JWKS_FILE": "/keys"}, ["julep.E014"]),
        ({"JWT_JWKS_FILE": "/nowhere/keys.json"}, ["julep.E016"]),
    ],
)
def test_problems(settings: Any, changed: dict[str, Any], found: list[str]) -> None:
    usual = {"AGENTS_API_MULTI_TENANT_MODE": True, "JWT_SHARED_KEY": [SHARED], "AGENTS_API_KEY": LONG}
    for name, value in {**usual, **changed}.items():
        setattr(settings, name, value)
    assert [message.id for message in check_who_is_let_in(None)] == found
    settings.AGENTS_API_MULTI_TENANT_MODE = False
    assert check_who_is_let_in(None) == []


def test_a_file_of_keys(settings: Any, tmp_path: Path) -> None:
    settings.AGENTS_API_MULTI_TENANT_MODE, settings.AGENTS_API_KEY = True, LONG
    file = tmp_path / "keys.json"
    settings.JWT_JWKS_FILE = str(file)
    file.write_text(json.dumps({"keys": [PublicSigner("EdDSA").jwk()]}))
    assert check_who_is_let_in(None) == []
    file.write_text(json.dumps({"keys": [PublicSigner("EdDSA").jwk(use="enc")]}))
    (problem,) = check_who_is_let_in(None)
    assert "no key in it is for RS256, ES256 or EdDSA" in problem.msg


def test_nothing_starts_with_an_error_among_them(db: None, settings: Any) -> None:
    settings.AGENTS_API_MULTI_TENANT_MODE, settings.AGENTS_API_KEY = True, LONG
    settings.JWT_SHARED_KEY = ["short"]
    with pytest.raises(ImproperlyConfigured, match="JWT_SHARED_KEY"):
        refuse_errors()
