"""Makes tokens, good and bad, without the library that reads them."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

SHARED = "the-shared-key-of-the-tests-has-more-than-32-bytes"
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changed: Any) -> dict[str, Any]:
    """Good ones; a change to None leaves a claim out."""
    moment = int(time.time())
    all_of_them = {"sub": str(uuid4()), "iat": moment, "exp": moment + 600, "email": "a@example.com", **changed}
    return {name: value for name, value in all_of_them.items() if value is not None}


def compact(header: Any, payload: Any, sign: Any) -> str:
    """A token of these parts, each an object or the text itself."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, payload)]
    signed = ".".join(b64(part.encode()) for part in parts)
    return f"{signed}.{b64(sign(signed.encode()))}"


def shared(payload: Any = None, *, key: str = SHARED, alg: str = "HS512", header: Any = None) -> str:
    """A token with a shared key. `header` is added to, or is the text of, the usual one."""
    head = header if isinstance(header, str) else {"alg": alg, "typ": "JWT", **(header or {})}
    return compact(head, claims() if payload is None else payload, hmac_of(key.encode(), alg))


def hmac_of(key: bytes, alg: str) -> Any:
    return lambda signed: hmac.new(key, signed, _HASHES[alg[2:]]).digest()


class PublicSigner:
    """A private key, its public half as a JSON Web Key, and tokens signed with it."""

    def __init__(self, alg: str, kid: str | None = "first") -> None:
        self.alg, self.kid = alg, kid
        self.key: Any = {
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }[alg]()

    def jwk(self, **changed: Any) -> dict[str, Any]:
        public = self.key.public_key()
        if self.alg == "RS256":
            numbers = public.public_numbers()
            described = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        elif self.alg == "ES256":
            numbers = public.public_numbers()
            described = {"kty": "EC", "crv": "P-256", "x": _number(numbers.x, 32), "y": _number(numbers.y, 32)}
        else:
            described = {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
        return {**described, "use": "sig", "alg": self.alg, **({"kid": self.kid} if self.kid else {}), **changed}

    def token(self, payload: Any = None, **header: Any) -> str:
        head = {"alg": self.alg, **({"kid": self.kid} if self.kid else {}), **header}
        return compact(head, claims() if payload is None else payload, self._sign)

    def _sign(self, signed: bytes) -> bytes:
        if self.alg == "RS256":
            return bytes(self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))
        if self.alg == "ES256":
            r, s = decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return bytes(self.key.sign(signed))


def _number(value: int, length: int | None = None) -> str:
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))
