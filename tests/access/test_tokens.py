"""Tokens: who gets in with one, and who does not."""

import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.access.developers import make_developer
from agents.models import Developer
from tests.access.tokens import SHARED, PublicSigner, b64, claims, compact, hmac_of, shared
from tests.api_client import API_KEY, ApiClient

REFUSED = {"error": {"message": "Could not validate API KEY", "code": "http_403", "type": "http_error"}}
NO_ID = {"error": {"message": "Invalid developer ID", "code": "invalid_developer_id", "type": "http_error"}}
NOW = int(time.time())
SUB = "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
NEXT = "the-next-key-of-the-tests-has-more-than-32-bytes"


def send(token: str, *, method: str = "GET", path: str = "/users", **options: Any) -> Any:
    return ApiClient(key=token).send(method, path, **options)


def good(**changed: Any) -> dict[str, Any]:
    return claims(sub=SUB, **changed)


@pytest.fixture
def known(tenants: None) -> Developer:
    """The developer of the tokens."""
    make_developer(UUID(SUB), "a@example.com")
    return Developer.objects.get(pk=SUB)


@pytest.fixture
def with_key_set(settings: Any, tmp_path: Path) -> Any:
    """Verifies tokens with the keys of a file."""

    def use(*keys: dict[str, Any]) -> None:
        file = tmp_path / "keys.json"
        file.write_text(json.dumps({"keys": keys}))
        settings.JWT_JWKS_FILE = str(file)

    return use


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_token_acts_for_its_developer(known: Developer, alg: str) -> None:
    token = shared(good(), alg=alg)
    made = send(token, method="POST", body={"name": "A"})
    assert (made.status_code, [user["id"] for user in send(token).json()["items"]]) == (201, [made.json()["id"]])
    assert ApiClient(key=API_KEY).get("/users").json()["items"] == []


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_public_keys(known: Developer, with_key_set: Any, alg: str) -> None:
    signer, other = PublicSigner(alg), PublicSigner(alg)
    with_key_set({"kty": "oct", "k": "AAAA", "kid": "first"}, signer.jwk(kid="another"), signer.jwk())
    assert send(signer.token(good())).status_code == 200
    assert send(signer.token(good(), kid="another")).status_code == 200
    for token in (other.token(good()), signer.token(good(), kid="nobody's"), signer.token(good())[:-6] + "AAAAAA"):
        assert (send(token).status_code, send(token).json()) == (403, REFUSED)


def test_a_token_that_names_no_key(known: Developer, with_key_set: Any) -> None:
    signer = PublicSigner("ES256", kid=None)
    with_key_set(PublicSigner("ES256").jwk(), signer.jwk())
    assert send(signer.token(good())).status_code == 200


def test_two_shared_keys_while_they_are_changed(known: Developer, settings: Any) -> None:
    old, new = shared(good()), shared(good(), key=NEXT)
    assert [send(token).status_code for token in (old, new)] == [200, 403]
    settings.JWT_SHARED_KEY = [NEXT, SHARED]
    assert [send(token).status_code for token in (old, new)] == [200, 200]
    settings.JWT_SHARED_KEY = [NEXT]
    assert [send(token).status_code for token in (old, new)] == [403, 200]


def _with_header(**header: Any) -> str:
    return shared(good(), header=header)


def _public_as_shared() -> str:
    """Signed with the public key as if it were a shared one."""
    text = json.dumps(PublicSigner("RS256").jwk())
    return compact({"alg": "HS256", "kid": "first"}, good(), hmac_of(text.encode(), "HS256"))


def _spelled_otherwise(token: str) -> str:
    """Its last character holds bits that are not looked at by everybody."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + letters[letters.index(token[-1]) ^ 1]


def _and(text: str) -> str:
    """Good claims with something more."""
    return shared(f"{json.dumps(good())[:-1]}, {text}}}")


BAD = {
    "no signature": compact({"alg": "none"}, good(), lambda _: b""),
    "none, signed": _with_header(alg="none"),
    "none in another case": _with_header(alg="nOnE"),
    "an algorithm of another kind": _with_header(alg="RS256"),
    "an algorithm that is none": _with_header(alg="HS513"),
    "an algorithm that is no text": _with_header(alg=["HS512"]),
    "no algorithm": compact({"typ": "JWT"}, good(), hmac_of(SHARED.encode(), "HS512")),
    "a public key as a shared one": _public_as_shared(),
    "another key": shared(good(), key="x" * 40),
    "another algorithm than it says": shared(good(), alg="HS256", header={"alg": "HS512"}),
    "kid: a list": _with_header(kid=["a"]),
    "kid: a number": _with_header(kid=1),
    "kid: null": _with_header(kid=None),
    "kid: huge": _with_header(kid="k" * 300),
    "jku": _with_header(jku="https://example.com/keys"),
    "x5u": _with_header(x5u="https://example.com/chain"),
    "x5c": _with_header(x5c=["AAAA"]),
    "jwk": _with_header(jwk={"kty": "oct", "k": "AAAA"}),
    "crit": _with_header(crit=["exp"]),
    "crit: empty": _with_header(crit=[]),
    "b64": _with_header(b64=False),
    "another kind of token": _with_header(typ="JWE"),
    "a header that is a list": shared(good(), header="[]"),
    "a header with a key twice": shared(good(), header='{"alg": "none", "alg": "HS512"}'),
    "claims with a key twice": _and(f'"sub": "{uuid4()}"'),
    "claims that are a list": shared("[]"),
    "claims that are no JSON": shared("{not json"),
    "claims with a number that is none": _and('"nbf": NaN'),
    "claims nested deep": _and('"a": ' + "[" * 900 + "]" * 900),
    "no sub": shared(claims(sub=None)),
    "no exp": shared(good(exp=None)),
    "no iat": shared(good(iat=None)),
    "expired": shared(good(exp=NOW - 120)),
    "issued in the future": shared(good(iat=NOW + 3600, exp=NOW + 7200)),
    "not yet valid": shared(good(nbf=NOW + 3600)),
    "exp: true": shared(good(exp=True)),
    "exp: text": shared(good(exp=str(NOW + 600))),
    "exp: beyond all time": shared(json.dumps(good(exp=1)).replace('"exp": 1', '"exp": 1e300')),
    "exp: a long number": shared(json.dumps(good(exp=1)).replace('"exp": 1', '"exp": ' + "9" * 1000)),
    "iat: negative": shared(good(iat=-1)),
    "64 KB": shared(good(padding="x" * 65_536)),
    "64 KB without points": "A" * 65_536,
    "points only": "." * 100,
    "many points": ".".join(["AAAA"] * 1000),
    "five parts": ".".join(["AAAA"] * 5),
    "padding": shared(good()) + "=",
    "another spelling of the same bytes": _spelled_otherwise(shared(good())),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tokens(known: Developer, with_key_set: Any, name: str) -> None:
    with_key_set(PublicSigner("ES256").jwk())
    answer = send(BAD[name])
    assert (answer.status_code, answer.json()) == (403, REFUSED)


@pytest.mark.parametrize("kid", ["../../../etc/passwd", "' OR 1=1 --", "/dev/null", "", "first\u0000"])
def test_the_name_of_a_key_is_looked_up_and_nothing_else(known: Developer, with_key_set: Any, kid: str) -> None:
    signer = PublicSigner("ES256")
    with_key_set(signer.jwk())
    assert send(signer.token(good(), kid=kid)).json() == REFUSED


@pytest.mark.parametrize(
    "changed",
    [
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"d": "AAAA"},
        {"kty": "oct", "k": b64(SHARED.encode())},
        {"crv": "secp256k1"},
        {"x": 5},
    ],
)
def test_keys_that_are_for_something_else(known: Developer, with_key_set: Any, changed: dict[str, Any]) -> None:
    signer = PublicSigner("ES256")
    with_key_set(PublicSigner("EdDSA", kid="usable").jwk(), signer.jwk(**changed))
    assert send(signer.token(good())).json() == REFUSED


@pytest.mark.parametrize(("name", "seconds"), [("exp", -30), ("iat", 40), ("nbf", 40)])
def test_clocks_may_differ_by_a_minute(known: Developer, name: str, seconds: int) -> None:
    assert send(shared(good(**{name: int(time.time()) + seconds}))).status_code == 200


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 403),
        ({"aud": "us", "iss": "them"}, 200),
        ({"aud": ["others", "us"], "iss": "them"}, 200),
        ({"aud": "others", "iss": "them"}, 403),
        ({"aud": "us", "iss": "others"}, 403),
    ],
)
def test_who_a_token_is_from_and_for(known: Developer, settings: Any, changed: dict[str, Any], status: int) -> None:
    settings.JWT_AUDIENCE, settings.JWT_ISSUER = "us", "them"
    assert send(shared(good(**changed))).status_code == status


@pytest.mark.parametrize("sub", ["not-a-uuid", "", 5, ["a"], SUB.replace("-", ""), f"{{{SUB}}}", f"{SUB}\n"])
def test_a_developer_that_is_no_uuid(known: Developer, sub: Any) -> None:
    answer = send(shared({**good(), "sub": sub}))
    assert (answer.status_code, answer.json()) == (400, NO_ID)


def test_tokens_are_for_many_tenants_only(known: Developer, settings: Any) -> None:
    settings.AGENTS_API_MULTI_TENANT_MODE = False
    assert send(shared(good())).json() == REFUSED


@pytest.mark.parametrize(
    "path", ["/users", "/sessions/00000000-0000-0000-0000-000000000000/chat", "/responses", "/embed"]
)
def test_a_bad_token_is_refused_before_the_body_is_read(known: Developer, path: str) -> None:
    answer = send(shared(good(exp=1)), method="POST", path=path, raw=b"{not json")
    assert (answer.status_code, answer.json()) == (403, REFUSED)
