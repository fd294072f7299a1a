"""Signatures of calls, by vectors that others published, or that are computed here by another way than there."""

import base64
import hashlib
from typing import Any

import pytest

from executions.hooks.errors import SignatureRefused
from executions.hooks.signatures import verify

Headers = dict[str, str]
AT = 1_700_000_000
SECRET, BODY = "s3cret", b'{"id": "evt_1"}'


def mac(key: bytes, message: bytes, algorithm: str = "sha256") -> bytes:
    """HMAC as RFC 2104 writes it."""
    block = hashlib.new(algorithm).block_size
    key = (hashlib.new(algorithm, key).digest() if len(key) > block else key).ljust(block, b"\0")
    inner = hashlib.new(algorithm, bytes(byte ^ 0x36 for byte in key) + message).digest()
    return hashlib.new(algorithm, bytes(byte ^ 0x5C for byte in key) + inner).digest()


def check(scheme: str, headers: Headers, body: bytes, secret: str, now_s: float = AT, **options: Any) -> None:
    verify(scheme, headers=headers, body=body, secret=secret, options=options, now_s=now_s)


_SLACK = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
    b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
    b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
    b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
_STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# Scheme, headers, body, secret, time, options: as their makers document them.
PUBLISHED = [
    (
        "github",
        {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        b"Hello, World!",
        "It's a Secret to Everybody",
        AT,
    ),
    (
        "slack",
        {
            "x-slack-request-timestamp": "1531420618",
            "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        _SLACK,
        "8f742231b10e8888abcd99yyyzzz85a5",
        1531420618,
    ),
    (
        "standard",
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        _STANDARD,
        1614265330,
    ),
]


def signed(scheme: str, at: int = AT, secret: str = SECRET, body: bytes = BODY) -> Headers:
    """Headers of a call."""
    hexed = mac(secret.encode(), body).hex()
    match scheme:
        case "github":
            return {"x-hub-signature-256": f"sha256={hexed}"}
        case "slack":
            told = mac(secret.encode(), f"v0:{at}:".encode() + body).hex()
            return {"x-slack-request-timestamp": str(at), "x-slack-signature": f"v0={told}"}
        case "stripe":
            told = mac(secret.encode(), f"{at}.".encode() + body).hex()
            return {"stripe-signature": f"t={at},v0=old,v1={'0' * 64},v1={told}"}
        case "standard":
            told = mac(secret.encode(), f"msg_1.{at}.".encode() + body)
            text = base64.b64encode(told).decode()
            return {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": f"v1a,x v1,y v1,{text}"}
    return {"x-signature": hexed}


@pytest.mark.parametrize(("scheme", "headers", "body", "secret", "at"), PUBLISHED, ids=lambda value: str(value)[:8])
def test_published_vectors(scheme: str, headers: Headers, body: bytes, secret: str, at: int) -> None:
    check(scheme, headers, body, secret, at)
    with pytest.raises(SignatureRefused):
        check(scheme, headers, body, secret + "x", at)


SCHEMES = ["standard", "github", "slack", "stripe", "hmac"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signature_is_of_this_secret_and_body(scheme: str) -> None:
    headers = signed(scheme)
    check(scheme, headers, BODY, SECRET)
    for body, secret in ((BODY + b" ", SECRET), (BODY, "other"), (b"", SECRET)):
        with pytest.raises(SignatureRefused, match="wrong"):
            check(scheme, headers, body, secret)
    for name in headers:
        with pytest.raises(SignatureRefused):
            check(scheme, {**headers, name: ""}, BODY, SECRET)
        with pytest.raises(SignatureRefused):
            check(scheme, {**headers, name: "\u00e9" + headers[name][:3]}, BODY, SECRET)


@pytest.mark.parametrize("scheme", ["standard", "slack", "stripe"])
def test_a_signature_is_of_its_time(scheme: str) -> None:
    headers = signed(scheme)
    check(scheme, headers, BODY, SECRET, AT + 299)
    check(scheme, headers, BODY, SECRET, AT - 299)
    check(scheme, headers, BODY, SECRET, AT + 3000, tolerance=3600)
    for now_s in (AT + 301, AT - 301):
        with pytest.raises(SignatureRefused, match="too far"):
            check(scheme, headers, BODY, SECRET, now_s)


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "sha384", "sha512"])
def test_an_hmac_of_ones_own(algorithm: str) -> None:
    digest = mac(SECRET.encode(), BODY, algorithm)
    options = {"header": "X-Mine", "algorithm": algorithm}
    check("hmac", {"x-mine": f"v={digest.hex().upper()}"}, BODY, SECRET, **options, prefix="v=")
    check("hmac", {"x-mine": base64.b64encode(digest).decode()}, BODY, SECRET, **options, encoding="base64")
    for given in (digest.hex(), f"w={digest.hex()}"):
        with pytest.raises(SignatureRefused):
            check("hmac", {"x-mine": given}, BODY, SECRET, **options, prefix="v=")
