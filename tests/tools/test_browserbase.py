"""Browserbase on loopback."""

import base64
from typing import Any

import pytest

from agents.tools.errors import BadArguments, ToolError
from julep_project.devservices.loopback import Reply
from tests.loopback.web_server import WebServer
from tests.tools.conftest import CallTool

SETUP = {"api_key": "bb-secret", "project_id": "p1"}
SESSION = {"id": "s1", "connectUrl": "wss://c.example/s1", "status": "RUNNING", "keepAlive": False}


@pytest.fixture(autouse=True)
def cloud(settings: Any, web_server: WebServer) -> WebServer:
    settings.INTEGRATION_ADDRESSES = {"browserbase": web_server.url}
    settings.JULEP_HTTP_ALLOW = []
    return web_server


class TestSessions:
    def test_create(self, cloud: WebServer, call_provider: CallTool) -> None:
        cloud.script("/v1/sessions", Reply(body=SESSION))
        settings = {"viewport": {"width": 1024, "height": 768}}

        made = call_provider(
            "browserbase", {"browser_settings": settings, "extensionId": "e1"}, "create_session", setup=SETUP
        )

        assert made["connect_url"] == made["connectUrl"] == "wss://c.example/s1" and made["keep_alive"] is False
        (sent,) = cloud.requests
        assert sent.json() == {"projectId": "p1", "browserSettings": settings, "extensionId": "e1"}
        assert (sent.method, sent.headers["x-bb-api-key"]) == ("POST", "bb-secret")

    def test_of_another_project(self, cloud: WebServer, call_provider: CallTool) -> None:
        cloud.script("/v1/sessions", Reply(body=SESSION))
        call_provider("browserbase", {"project_id": "p2", "proxies": True}, "create_session", setup=SETUP)

        assert cloud.requests[0].json() == {"projectId": "p2", "proxies": True}

    def test_get_and_list(self, cloud: WebServer, call_provider: CallTool) -> None:
        cloud.script("/v1/sessions/a%2Fb", Reply(body=SESSION))
        cloud.script("/v1/sessions", Reply(body=[SESSION, None]))

        assert call_provider("browserbase", {"id": "a/b"}, "get_session", setup=SETUP)["id"] == "s1"
        listed = call_provider("browserbase", {"status": "RUNNING"}, "list_sessions", setup=SETUP)
        assert [each["connect_url"] for each in listed["sessions"]] == ["wss://c.example/s1"]
        assert cloud.requests[1].query == {"status": "RUNNING"}

    def test_complete(self, cloud: WebServer, call_provider: CallTool) -> None:
        cloud.script("/v1/sessions/s1", Reply(body=SESSION), Reply(400), Reply(503))

        assert call_provider("browserbase", {"id": "s1"}, "complete_session", setup=SETUP) == {"success": True}
        assert cloud.requests[0].json() == {"projectId": "p1", "status": "REQUEST_RELEASE"}
        assert call_provider("browserbase", {"id": "s1"}, "complete_session", setup=SETUP) == {"success": False}
        with pytest.raises(ToolError) as caught:
            call_provider("browserbase", {"id": "s1"}, "complete_session", setup=SETUP)
        assert caught.value.retryable

    def test_addresses(self, cloud: WebServer, call_provider: CallTool) -> None:
        page = {"debuggerUrl": "https://d/1", "title": "A"}
        cloud.script("/v1/sessions/s1/debug", Reply(body={"wsUrl": "wss://w", "debuggerUrl": "d", "pages": [page]}))
        cloud.script("/v1/sessions/s1", Reply(body=SESSION), Reply(body={"id": "s1"}))

        urls = call_provider("browserbase", {"id": "s1"}, "get_live_urls", setup=SETUP)["urls"]
        assert (urls["ws_url"], urls["debuggerUrl"]) == ("wss://w", "d")
        assert urls["pages"] == [{**page, "debugger_url": "https://d/1"}]
        found = call_provider("browserbase", {"id": "s1"}, "get_connect_url", setup=SETUP)
        assert found == {"url": "wss://c.example/s1"}
        with pytest.raises(ToolError, match="may have ended"):
            call_provider("browserbase", {"id": "s1"}, "get_connect_url", setup=SETUP)
        own = {**SETUP, "connect_url": "wss://own.example"}
        assert call_provider("browserbase", {"id": "s 1"}, "get_connect_url", setup=own) == {
            "url": "wss://own.example?apiKey=bb-secret&sessionId=s+1"
        }

    def test_what_is_left_of_it(self, cloud: WebServer, call_provider: CallTool) -> None:
        for path, body in (("logs", [{"a": 1}]), ("recording", [{"b": 2}]), ("downloads", b"PK")):
            cloud.script(f"/v1/sessions/s1/{path}", Reply(body=body))

        assert call_provider("browserbase", {"id": "s1"}, "get_logs", setup=SETUP) == {"logs": [{"a": 1}]}
        assert call_provider("browserbase", {"id": "s1"}, "get_recordings", setup=SETUP) == {"recordings": [{"b": 2}]}
        got = call_provider("browserbase", {"id": "s1"}, "get_session_downloads", setup=SETUP)
        assert base64.b64decode(got["base64"]) == b"PK"

    def test_a_context(self, cloud: WebServer, call_provider: CallTool) -> None:
        cloud.script("/v1/contexts", Reply(body={"id": "c1", "uploadUrl": "https://u"}))

        made = call_provider("browserbase", {"projectId": "p1"}, "create_context", setup=SETUP)
        assert made == {"id": "c1", "uploadUrl": "https://u", "upload_url": "https://u"}


class TestExtensions:
    @pytest.mark.parametrize(("ref", "archive"), [("v1.0", "refs/tags/v1.0.zip"), (None, "HEAD.zip")])
    def test_install(self, cloud: WebServer, call_provider: CallTool, ref: str | None, archive: str) -> None:
        cloud.script(f"/own/ext/archive/{archive}", Reply(302, headers={"Location": f"{cloud.url}/zip"}))
        cloud.script("/zip", Reply(body=b"PK-archive"))
        cloud.script("/v1/extensions", Reply(body={"id": "e1"}))
        arguments = {"repositoryName": "own/ext", "ref": ref}

        made = call_provider("browserbase", arguments, "install_extension_from_github", setup=SETUP)

        assert made == {"id": "e1"}
        first, _, upload = cloud.requests
        assert "x-bb-api-key" not in first.headers and b"PK-archive" in upload.body

    @pytest.mark.parametrize(("name", "ref"), [("ext", None), ("a/../b", None), ("a/b", "../../x"), ("a/b?x=1", None)])
    def test_what_is_no_repository(self, cloud: WebServer, call_provider: CallTool, name: str, ref: str | None) -> None:
        arguments = {"repositoryName": name, "ref": ref}
        with pytest.raises(BadArguments):
            call_provider("browserbase", arguments, "install_extension_from_github", setup=SETUP)
        assert cloud.requests == []


class TestErrors:
    @pytest.mark.parametrize("setup", [None, {"api_key": "k"}, {"project_id": "p"}, {**SETUP, "api_key": 5}])
    def test_a_wrong_setup(self, cloud: WebServer, call_provider: CallTool, setup: Any) -> None:
        with pytest.raises(ToolError, match="the setup of browserbase"):
            call_provider("browserbase", {}, "create_session", setup=setup)
        assert cloud.requests == []

    def test_another_address_of_the_api_is_judged_like_any(self, call_provider: CallTool) -> None:
        with WebServer() as other:
            setup = {**SETUP, "api_url": f"{other.url}/v1"}
            with pytest.raises(ToolError, match="JULEP_HTTP_ALLOW"):
                call_provider("browserbase", {}, "create_session", setup=setup)
            assert other.requests == []

    @pytest.mark.parametrize(
        ("reply", "told"),
        [
            (Reply(401, {"message": "bad key bb-secret"}), "401: .*bad key"),
            (Reply(body=[]), "JSON object"),
            (Reply(body="<p>"), "JSON"),
            (Reply(307, headers={"Location": "http://127.0.0.1:1"}), "307"),
            (Reply(body="x" * 5000), "more than 4096 bytes"),
        ],
    )
    def test_what_is_no_session(
        self, cloud: WebServer, settings: Any, call_provider: CallTool, reply: Reply, told: str
    ) -> None:
        settings.JULEP_HTTP_MAX_BYTES = 4096
        cloud.script("/v1/sessions", reply)

        with pytest.raises(ToolError, match=told) as caught:
            call_provider("browserbase", {}, "create_session", setup=SETUP)
        assert not caught.value.retryable and "bb-secret" not in caught.value.message
