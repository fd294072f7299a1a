"""A browser that is controlled: its commands against a stand-in, and, where one is installed, a real Chromium."""

import base64
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from agents.tools.errors import BadArguments, Delivery, ToolError
from agents.tools.integrations.keyboard import key_events
from julep_project.devservices.loopback import Reply
from tests.loopback.devtools_server import DevToolsServer
from tests.loopback.web_server import WebServer
from tests.tools.conftest import CallTool

SITE = "http://93.184.216.34/a"
NOTHING = {"output": None, "error": None, "base64_image": None, "system": None}


@pytest.fixture
def browser(settings: Any) -> Iterator[DevToolsServer]:
    """The browser that the operator names."""
    settings.JULEP_HTTP_ALLOW = []
    with DevToolsServer() as server:
        settings.INTEGRATION_ADDRESSES = {"remote_browser": server.url}
        yield server


def act(call_provider: CallTool, action: str, **more: Any) -> Any:
    setup = more.pop("setup", {})
    options = {name: more.pop(name) for name in ("timeout",) if name in more}
    return call_provider("remote_browser", {"action": action, **more}, setup=setup, **options)


class TestActions:
    @pytest.mark.parametrize(
        ("arguments", "method", "params", "told"),
        [
            ({"action": "navigate", "text": SITE}, "Page.navigate", [{"url": SITE}], {"output": SITE}),
            ({"action": "refresh"}, "Page.reload", [{}], {"output": "Refreshed page"}),
            ({"action": "type", "text": "Grüße"}, "Input.insertText", [{"text": "Grüße"}], {"output": "Typed Grüße"}),
            (
                {"action": "screenshot"},
                "Page.captureScreenshot",
                [{"format": "png"}],
                {"base64_image": "data:image/png;base64,UE5H", "system": "take_screenshot"},
            ),
            ({"action": "cursor_position"}, "Input.dispatchMouseEvent", [], {"output": "X=10, Y=20"}),
            (
                {"action": "mouse_move", "coordinate": [3, 4.5]},
                "Input.dispatchMouseEvent",
                [{"type": "mouseMoved", "x": 3, "y": 4.5}],
                {"output": "Moved mouse to (3, 4.5)"},
            ),
        ],
    )
    def test_each(
        self,
        browser: DevToolsServer,
        call_provider: CallTool,
        arguments: dict[str, Any],
        method: str,
        params: list[Any],
        told: dict[str, Any],
    ) -> None:
        assert call_provider("remote_browser", arguments) == {**NOTHING, **told}
        assert browser.sent(method) == params
        assert {command.get("sessionId") for command in browser.commands[2:]} == {"s1"}

    @pytest.mark.parametrize(
        ("action", "button", "counts"),
        [
            ("left_click", "left", [1]),
            ("right_click", "right", [1]),
            ("middle_click", "middle", [1]),
            ("double_click", "left", [1, 2]),
        ],
    )
    def test_clicks(
        self, browser: DevToolsServer, call_provider: CallTool, action: str, button: str, counts: list[int]
    ) -> None:
        act(call_provider, action)

        events = browser.sent("Input.dispatchMouseEvent")
        assert [(event["type"], event["clickCount"]) for event in events] == [
            (kind, count) for count in counts for kind in ("mousePressed", "mouseReleased")
        ]
        assert {(event["x"], event["y"], event["button"]) for event in events} == {(10, 20, button)}

    def test_a_click_somewhere_else_and_a_drag(self, browser: DevToolsServer, call_provider: CallTool) -> None:
        act(call_provider, "left_click", coordinate=[1, 2])
        act(call_provider, "left_click_drag", coordinate=[5, 6])

        kinds = [(event["type"], event["x"], event["y"]) for event in browser.sent("Input.dispatchMouseEvent")]
        assert kinds == [
            ("mouseMoved", 1, 2),
            ("mousePressed", 1, 2),
            ("mouseReleased", 1, 2),
            ("mousePressed", 10, 20),
            ("mouseMoved", 5, 6),
            ("mouseReleased", 5, 6),
        ]

    def test_lines_end_with_the_key(self, browser: DevToolsServer, call_provider: CallTool) -> None:
        act(call_provider, "type", text="a\nb")

        assert [each["text"] for each in browser.sent("Input.insertText")] == ["a", "b"]
        assert [each["key"] for each in browser.sent("Input.dispatchKeyEvent")] == ["Enter", "Enter"]

    def test_the_size_of_the_page(self, browser: DevToolsServer, call_provider: CallTool) -> None:
        act(call_provider, "screenshot", setup={"width": 1024, "height": 768})

        (size,) = browser.sent("Emulation.setDeviceMetricsOverride")
        assert (size["width"], size["height"]) == (1024, 768)

    @pytest.mark.parametrize("value", [None, [1], ["a", 2], [1e999, 1], {"a": 1}, [True, 1], [-1, 2]])
    def test_a_page_that_lies_about_the_mouse(
        self, browser: DevToolsServer, call_provider: CallTool, value: Any
    ) -> None:
        browser.answers["Runtime.evaluate"] = {"result": {"value": value, "description": "a\x00\ud83d"}}

        assert act(call_provider, "cursor_position")["output"] == "X=0, Y=0"

    def test_a_browser_without_a_page(self, browser: DevToolsServer, call_provider: CallTool) -> None:
        browser.answers["Target.getTargets"] = {"targetInfos": []}

        act(call_provider, "screenshot")
        assert browser.sent("Target.attachToTarget") == [{"targetId": "t2", "flatten": True}]

    def test_a_dialog_is_closed(self, browser: DevToolsServer, call_provider: CallTool) -> None:
        def ask(connection: Any, command: dict[str, Any]) -> None:
            event = {"method": "Page.javascriptDialogOpening", "params": {"type": "alert"}}
            connection.send(json.dumps(event))
            connection.send(json.dumps({"id": command["id"], "result": {"data": "UE5H"}}))

        browser.answers["Page.captureScreenshot"] = ask

        assert act(call_provider, "screenshot")["base64_image"]
        assert browser.sent("Page.handleJavaScriptDialog") == [{"accept": False}]


class TestAddress:
    def test_one_of_the_setup_wins(self, browser: DevToolsServer, settings: Any, call_provider: CallTool) -> None:
        settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
        with DevToolsServer() as other:
            act(call_provider, "screenshot", setup={"connect_url": other.websocket_url}, connect_url=browser.url)
            assert browser.paths == [] and other.paths == ["/devtools/browser/b1"]

            page = other.websocket_url.replace("browser/b1", "page/p1")
            act(call_provider, "screenshot", connect_url=page)
            assert other.sent("Target.getTargets") == [{}] and "sessionId" not in other.commands[-1]

    def test_none(self, settings: Any, call_provider: CallTool) -> None:
        settings.INTEGRATION_ADDRESSES = {}
        with pytest.raises(ToolError, match="needs connect_url .*INTEGRATION_ADDRESSES"):
            act(call_provider, "screenshot")

    @pytest.mark.parametrize("form", ["http", "ws"])
    def test_private_ones_of_tasks_are_refused(
        self, browser: DevToolsServer, call_provider: CallTool, form: str
    ) -> None:
        with DevToolsServer() as other:
            url = other.url if form == "http" else other.websocket_url
            with pytest.raises(ToolError, match="JULEP_HTTP_ALLOW") as caught:
                act(call_provider, "screenshot", setup={"connect_url": url})
            assert other.paths == [] and caught.value.delivery is Delivery.NOT_SENT

    @pytest.mark.parametrize("url", ["wss:/x", "ftp://a", "ws://", "ws://a b/", "ws://[::1", "ws://a:99999/", "x"])
    def test_what_is_no_address(self, call_provider: CallTool, url: str) -> None:
        with pytest.raises(ToolError) as caught:
            act(call_provider, "screenshot", connect_url=url)
        assert not caught.value.retryable

    @pytest.mark.parametrize(
        "target",
        [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "chrome://version",
            "view-source:http://a.example",
            "",
            "http://10.0.0.1\\@a.example/",
            "http://10.0.0.1#\\@a.example/",
        ],
    )
    def test_pages_that_are_none(self, browser: DevToolsServer, call_provider: CallTool, target: str) -> None:
        with pytest.raises(BadArguments, match="http://"):
            act(call_provider, "navigate", text=target)
        assert browser.commands == []

    @pytest.mark.parametrize("form", ["http", "ws"])
    @pytest.mark.parametrize("target", ["http://127.0.0.1:8080/", "http://169.254.169.254/", "http://[::1]/"])
    def test_the_browser_of_the_operator_is_not_sent_into_his_network(
        self, browser: DevToolsServer, call_provider: CallTool, target: str, form: str
    ) -> None:
        connect_url = browser.url if form == "http" else browser.websocket_url
        with pytest.raises(ToolError, match="JULEP_HTTP_ALLOW"):
            act(call_provider, "navigate", text=target, connect_url=connect_url)
        assert browser.commands == []


class TestBounds:
    def test_a_message_that_is_too_large(self, browser: DevToolsServer, settings: Any, call_provider: CallTool) -> None:
        settings.JULEP_HTTP_MAX_BYTES = 4096
        browser.answers["Page.captureScreenshot"] = {"data": "x" * 5000}

        with pytest.raises(ToolError, match="more than 4096 bytes"):
            act(call_provider, "screenshot")

    def test_too_many_of_them(self, browser: DevToolsServer, settings: Any, call_provider: CallTool) -> None:
        settings.JULEP_HTTP_MAX_BYTES = 4096

        def flood(connection: Any, command: dict[str, Any]) -> None:
            while True:
                connection.send(json.dumps({"method": "Page.x", "params": {"a": "x" * 1000}}))

        browser.answers["Page.captureScreenshot"] = flood

        with pytest.raises(ToolError, match="more than is read of it"):
            act(call_provider, "screenshot")

    def test_time(self, browser: DevToolsServer, call_provider: CallTool) -> None:
        browser.answers["Page.captureScreenshot"] = lambda connection, command: None

        with pytest.raises(ToolError, match="did not answer in time") as caught:
            act(call_provider, "screenshot", timeout_s=0.5)
        assert not caught.value.retryable and caught.value.delivery is Delivery.UNCLEAR

    def test_a_page_that_stands_still_can_be_left(self, browser: DevToolsServer, call_provider: CallTool) -> None:
        browser.answers["Page.enable"] = lambda connection, command: None

        with pytest.raises(ToolError, match="does not react.*navigate"):
            act(call_provider, "screenshot", timeout_s=0.5)
        assert act(call_provider, "navigate", text="about:blank")["output"] == "about:blank"

    def test_an_end_in_between(self, browser: DevToolsServer, call_provider: CallTool) -> None:
        browser.answers["Page.captureScreenshot"] = lambda connection, command: connection.close()

        with pytest.raises(ToolError, match="connection to the browser was lost") as caught:
            act(call_provider, "screenshot")
        assert not caught.value.retryable and caught.value.repeatable

    @pytest.mark.parametrize(
        "text", ["no json", "[" * 100_000, "[]", '{"id": "x"}', "\udc80".encode("utf-8", "surrogatepass")]
    )
    def test_what_is_no_answer(self, browser: DevToolsServer, call_provider: CallTool, text: Any) -> None:
        browser.answers["Page.captureScreenshot"] = lambda connection, command: connection.send(text)

        with pytest.raises(ToolError):
            act(call_provider, "screenshot", timeout_s=0.5)

    def test_what_the_browser_refuses(self, browser: DevToolsServer, call_provider: CallTool) -> None:
        def refuse(connection: Any, command: dict[str, Any]) -> None:
            connection.send(
                json.dumps({"id": command["id"], "error": {"code": -32000, "message": "gone " + "x" * 900}})
            )

        browser.answers["Page.captureScreenshot"] = refuse
        browser.answers["Page.navigate"] = {"errorText": "net::ERR_NAME_NOT_RESOLVED"}

        with pytest.raises(ToolError, match="refused Page.captureScreenshot: gone") as caught:
            act(call_provider, "screenshot")
        assert len(caught.value.message) < 300
        with pytest.raises(ToolError, match="ERR_NAME_NOT_RESOLVED"):
            act(call_provider, "navigate", text="http://93.184.216.34/")

    @pytest.mark.parametrize(("status", "retryable"), [(HTTPStatus.FORBIDDEN, False), (HTTPStatus.BAD_GATEWAY, True)])
    def test_no_websocket(
        self, browser: DevToolsServer, call_provider: CallTool, status: HTTPStatus, retryable: bool
    ) -> None:
        browser.refuse = status
        with pytest.raises(ToolError, match=f"status {status.value}") as caught:
            act(call_provider, "screenshot")
        assert caught.value.retryable is retryable

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(302, headers={"Location": "http://127.0.0.1:1/"}),
            Reply(body="{}"),
            Reply(body={"webSocketDebuggerUrl": "ws://127.0.0.1:1/x"}),
            Reply(raw=[b"HTTP/1.1 101 X\r\n\r\n"]),
            Reply(raw=[b"nonsense\r\n\r\n"]),
            Reply(raw=[b"HTTP/1.1 101 X\r\n" + b"A: b\r\n" * 500 + b"\r\n"]),
        ],
    )
    def test_what_is_no_browser(self, web_server: WebServer, call_provider: CallTool, reply: Reply) -> None:
        for path in ("/json/version", "/devtools/page/p"):
            web_server.script(path, reply)

        for url in (web_server.url, f"ws{web_server.url.removeprefix('http')}/devtools/page/p"):
            with pytest.raises(ToolError) as caught:
                act(call_provider, "screenshot", connect_url=url, timeout_s=5)
            assert not caught.value.retryable

    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"action": "jump"},
            {"action": "key"},
            {"action": "mouse_move"},
            {"action": "mouse_move", "coordinate": [1]},
            {"action": "mouse_move", "coordinate": [1, -1]},
            {"action": "type", "text": "x" * 100_001},
        ],
    )
    def test_arguments(self, browser: DevToolsServer, call_provider: CallTool, arguments: dict[str, Any]) -> None:
        with pytest.raises(BadArguments):
            call_provider("remote_browser", arguments)
        assert browser.paths == []


class TestKeys:
    @pytest.mark.parametrize(
        ("combination", "keys"),
        [
            ("Return", ["Enter"]),
            ("ctrl+a", ["Control", "a"]),
            ("ctrl+shift+t", ["Control", "Shift", "T"]),
            ("ctrl++", ["Control", "+"]),
            ("+", ["+"]),
            ("Page_Down", ["PageDown"]),
            ("é", ["é"]),
            ("F12", ["F12"]),
        ],
    )
    def test_names(self, combination: str, keys: list[str]) -> None:
        events = key_events(combination)

        assert [event["key"] for event in events if event["type"] != "keyUp"] == keys
        assert len(events) == 2 * len(keys)

    def test_a_key_that_types_and_one_that_does_not(self) -> None:
        assert key_events("a")[0]["text"] == "a" and key_events("Enter")[0]["text"] == "\r"
        assert "text" not in key_events("ctrl+a")[1] and key_events("ctrl+a")[1]["modifiers"] == 2

    @pytest.mark.parametrize("combination", ["", "nokey", "a+b+c+d+e+f", "ctrl+", "x" * 1000])
    def test_what_is_no_key(self, combination: str) -> None:
        if combination != "ctrl+":
            with pytest.raises(BadArguments):
                key_events(combination)


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PAGE = """<!doctype html><title>t</title><body style="margin:0">
<input id="i" autofocus style="position:absolute;left:0;top:0;width:200px;height:50px">
<a href="/second" style="position:absolute;left:0;top:100px;width:200px;height:50px">go</a>"""
SECOND = "<!doctype html><body><script>alert('stop'); document.cookie = 'seen=1'</script>second"

if CHROMIUM:

    class TestInstalled:
        """With a real browser, where there is one."""

        @pytest.fixture
        def chromium(self, tmp_path: Path, settings: Any) -> Iterator[None]:
            words = [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--remote-debugging-port=0", f"--user-data-dir={tmp_path}", "about:blank",
            ]  # fmt: skip
            found, address = threading.Event(), []

            def listen(process: "subprocess.Popen[str]") -> None:
                assert process.stderr is not None
                for line in process.stderr:
                    if "DevTools listening on " in line:
                        address.append(line.split()[-1])
                        found.set()

            with subprocess.Popen([str(word) for word in words], stderr=subprocess.PIPE, text=True) as process:
                reader = threading.Thread(target=listen, args=(process,))
                reader.start()
                try:
                    assert found.wait(60)
                    place = address[0].removeprefix("ws://").partition("/")[0]
                    settings.INTEGRATION_ADDRESSES = {"remote_browser": f"http://{place}"}
                    yield
                finally:
                    process.kill()
                    reader.join()

        def test_a_person_at_work(self, chromium: None, web_server: WebServer, call_provider: CallTool) -> None:
            web_server.script("/first", Reply(body=PAGE, headers={"Content-Type": "text/html"}))
            web_server.script("/second", Reply(body=SECOND, headers={"Content-Type": "text/html"}))
            size = {"width": 640, "height": 480}

            def do(action: str, **more: Any) -> dict[str, Any]:
                found: dict[str, Any] = act(call_provider, action, setup=size, **more)
                return found

            do("navigate", text=f"{web_server.url}/first")
            empty = do("screenshot")["base64_image"]
            do("left_click", coordinate=[100, 25])
            do("type", text="Grüße")
            typed = do("screenshot")["base64_image"]
            assert typed != empty
            picture = base64.b64decode(typed.partition(",")[2])
            assert picture[1:4] == b"PNG" and picture[16:24] == b"\0\0\x02\x80\0\0\x01\xe0"
            do("key", text="ctrl+a")
            do("key", text="BackSpace")
            assert do("cursor_position")["output"] == "X=100, Y=25"
            do("mouse_move", coordinate=[100, 125])
            do("left_click")
            assert do("cursor_position")["output"] == "X=320, Y=240"
            assert "/second" in [request.path for request in web_server.requests]
            do("refresh")
            assert do("screenshot")["base64_image"] != typed
