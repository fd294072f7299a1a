"""An OAuth authorization server on loopback, with an API behind it. It signs in whoever is sent to it, and checks PKCE,
clients, redirect addresses and that nothing is good twice. Tests make it hostile by what they set on it."""

import base64
from typing import Any

from julep_project.chaos.grants import Grants, form_of
from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply

CLIENT, SECRET = "client-1", "s3cret-of-the-client"


class AuthorizationServer(LoopbackServer, Grants):
    """`metadata` is what it says of itself. `before` may answer something else to a path."""

    def __init__(self) -> None:
        LoopbackServer.__init__(self)
        Grants.__init__(self)
        self.clients: dict[str, str] = {CLIENT: SECRET}
        self.metadata: dict[str, Any] = {}
        self.said_issuer: str | None = None
        self.revoked: list[str] = []
        self.before: dict[str, Reply] = {}

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
        issuer = {} if self.said_issuer is None else {"iss": self.said_issuer}
        return {**super().sign_in(url, error=error), **issuer}

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
                self.revoked.append(form_of(request)["token"])
                return Reply(200)
            case "/api" | "/issues":
                return self._api(request)
        return Reply(404)

    def _api(self, request: RecordedRequest) -> Reply:
        if not self.takes(request.headers.get("authorization", "")):
            return Reply(401, {"error": "who are you?"})
        if request.path == "/issues":
            return Reply(200, [{"title": "High tide"}])
        return Reply(200, {"hello": "you", "sent": request.headers["authorization"]})

    def _token(self, request: RecordedRequest) -> Reply:
        form = form_of(request)
        client, secret = _client(request, form)
        known = self.clients.get(client, "" if client.startswith("http") else None)
        if known is None or known != secret:
            return Reply(401, {"error": "invalid_client"})
        granted = self.redeem(form, client)
        if granted is None:
            told = {"error_description": form["refresh_token"]} if "refresh_token" in form else {}
            return Reply(400, {"error": "invalid_grant", **told})
        return Reply(200, granted)


def _client(request: RecordedRequest, form: dict[str, str]) -> tuple[str, str]:
    header = request.headers.get("authorization", "")
    if not header:
        return form["client_id"], form.get("client_secret", "")
    client, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    return client, secret
