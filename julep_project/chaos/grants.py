"""What an authorization server has given: codes and tokens, with nothing good twice, and PKCE checked."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from julep_project.devservices.loopback import RecordedRequest


class Grants:
    """`issued` are access tokens in their order, `lives_s` is for how long they are said to be good."""

    def __init__(self) -> None:
        self.lives_s = 3600
        self.gives_refresh = True
        self.issued: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh: set[str] = set()

    def sign_in(self, url: str, *, error: str = "") -> dict[str, str]:
        """What a person does who is sent to this address: the parameters they are sent back with."""
        asked = RecordedRequest("GET", url, {}, b"").query
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        if error:
            return {"state": asked["state"], "error": error}
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return {"state": asked["state"], "code": code}

    def redeem(self, form: Mapping[str, str], client: str) -> dict[str, Any] | None:
        """What a token endpoint answers; None when what is brought is good no more, or was never the client's."""
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self._refresh:
                return None
            self._refresh.discard(form["refresh_token"])
            return self._granted("")
        asked = self._codes.pop(form["code"], None)
        if asked is None or asked["client_id"] != client or asked["redirect_uri"] != form["redirect_uri"]:
            return None
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            return None
        assert asked.get("resource") == form.get("resource")
        return self._granted(asked.get("scope", ""))

    def takes(self, authorization: str) -> bool:
        """Whether a token is one of those that were given."""
        return authorization.removeprefix("Bearer ") in self.issued

    def _granted(self, scope: str) -> dict[str, Any]:
        self.issued.append(f"access-{secrets.token_urlsafe(16)}")
        given: dict[str, Any] = {"access_token": self.issued[-1], "token_type": "Bearer", "expires_in": self.lives_s}
        if scope:
            given["scope"] = scope
        if self.gives_refresh:
            given["refresh_token"] = f"refresh-{secrets.token_urlsafe(16)}"
            self._refresh.add(given["refresh_token"])
        return given


def form_of(request: RecordedRequest) -> dict[str, str]:
    """The fields of a form; of a repeated one the last."""
    return {name: values[-1] for name, values in parse_qs(request.body.decode(), strict_parsing=True).items()}
