"""An OAuth authorization server on loopback, with an API behind it. It signs in whoever is sent to it, and checks PKCE,
clients, redirect addresses and that nothing is good twice. Tests make it hostile by what they set on it."""

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qs

from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply

CLIENT, SECRET = "client-1", "s3cret-of-the-client"


class AuthorizationServer(LoopbackServer):
    """`metadata` is what it says of itself; `issued` are access tokens that are good, in order. `before` may answer
    something else to a path."""

    def __init__(self) -> None:
        super().__init__()
        self.clients: dict[str, str] = {CLIENT: SECRET}
        self.metadata: dict[str, Any] = {}
        self.said_issuer: str | None = None
        self.lives_s = 3600
        self.gives_refresh = True
        self.issued: list[str] = []
        self.revoked: list[str] = []
        self.before: dict[str, Reply] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh: set[str] = set()

    @property
    def described(self) -> dict[str, Any]:
        """RFC 8414."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            "registration_endpoint": f"{self.url}/register",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def sign_in(self, url: str, *, error: str = "") -> dict[str, str]:
        """What a person does who is sent to this address: the parameters they are sent back with."""
        asked = RecordedRequest("GET", url, {}, b"").query
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        back = {"state": asked["state"]}
        if self.said_issuer is not None:
            back["iss"] = self.said_issuer
        if error:
            return {**back, "error": error}
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return {**back, "code": code}

    def answer(self, request: RecordedRequest) -> Reply:
        if request.path in self.before:
            return self.before[request.path]
        if request.path.startswith("/.well-known/oauth-authorization-server"):
            return Reply(200, self.described)
        match request.path:
            case "/token":
                return self._token(request)
            case "/register":
                body = request.json()
                self.clients["registered-1"] = ""
                return Reply(201, {**body, "client_id": "registered-1"})
            case "/revoke":
                self.revoked.append(_form(request)["token"])
                return Reply(200)
            case "/api" | "/issues":
                return self._api(request)
        return Reply(404)

    def takes(self, authorization: str) -> bool:
        """Whether a token is good."""
        return authorization.removeprefix("Bearer ") in self.issued

    def _api(self, request: RecordedRequest) -> Reply:
        if not self.takes(request.headers.get("authorization", "")):
            return Reply(401, {"error": "who are you?"})
        if request.path == "/issues":
            return Reply(200, [{"title": "High tide"}])
        return Reply(200, {"hello": "you", "sent": request.headers["authorization"]})

    def _token(self, request: RecordedRequest) -> Reply:
        form = _form(request)
        client, secret = _client(request, form)
        known = self.clients.get(client, "" if client.startswith("http") else None)
        if known is None or known != secret:
            return Reply(401, {"error": "invalid_client"})
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self._refresh:
                return Reply(400, {"error": "invalid_grant", "error_description": form["refresh_token"]})
            self._refresh.discard(form["refresh_token"])
            return self._granted("")
        asked = self._codes.pop(form["code"], None)
        if asked is None or asked["client_id"] != client or asked["redirect_uri"] != form["redirect_uri"]:
            return Reply(400, {"error": "invalid_grant"})
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            return Reply(400, {"error": "invalid_grant"})
        assert asked.get("resource") == form.get("resource")
        return self._granted(asked.get("scope", ""))

    def _granted(self, scope: str) -> Reply:
        self.issued.append(f"access-{secrets.token_urlsafe(16)}")
        given: dict[str, Any] = {"access_token": self.issued[-1], "token_type": "Bearer", "expires_in": self.lives_s}
        if scope:
            given["scope"] = scope
        if self.gives_refresh:
            given["refresh_token"] = f"refresh-{secrets.token_urlsafe(16)}"
            self._refresh.add(given["refresh_token"])
        return Reply(200, given)


def _form(request: RecordedRequest) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.body.decode(), strict_parsing=True).items()}


def _client(request: RecordedRequest, form: dict[str, str]) -> tuple[str, str]:
    header = request.headers.get("authorization", "")
    if not header:
        return form["client_id"], form.get("client_secret", "")
    client, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    return client, secret
