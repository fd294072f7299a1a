"""The DevTools protocol of Chromium: commands and their answers, and the events in between."""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from agents.tools.errors import BadArguments, ToolError
from agents.tools.integrations.method import IntegrationCall
from agents.tools.integrations.web import fetch_object, object_in, objects_in
from agents.tools.integrations.websocket import WebSocket
from julep_project.core.reading.outside_json import TooMuchJson, read_foreign_json

_PAGE_ADDRESS = "/devtools/page/"
_LONGEST_MESSAGE = 200
LOADED = "Page.domContentEventFired"
_LOADING = "Page.frameStartedLoading"
_WATCHED = frozenset({LOADED, _LOADING})
_REACTS_WITHIN_S = 10.0
_SETTLES_WITHIN_S = 5.0
_A_MOMENT = "new Promise(done => setTimeout(done, 50))"


def websocket_address(call: IntegrationCall, url: str) -> str:
    """Where the websocket of a browser is: the address itself, or what a browser at an http address says.

    Raises:
        ToolError
    """
    if not url.startswith(("http://", "https://")):
        return url
    told = fetch_object(call, "GET", f"{url.rstrip('/')}/json/version").get("webSocketDebuggerUrl")
    try:
        path = urlsplit(str(told)).path
        here = urlsplit(url)
    except ValueError as error:
        raise BadArguments("the address of the browser cannot be read") from error
    if not path.startswith("/devtools/"):
        raise ToolError("no browser answers at this address", repeatable=True)
    # A browser behind a proxy names an address of its own, which nobody else can reach.
    return f"{'wss' if here.scheme == 'https' else 'ws'}://{here.netloc}{path}"


class BrowserRefused(ToolError):
    """The browser answered a command with an error."""


class Page:
    """The first page of a browser, as the call controls it."""

    def __init__(self, websocket: WebSocket, url: str) -> None:
        self._websocket = websocket
        self._count = 0
        self._target: str | None = None
        self._session: str | None = None
        self._seen: set[str] = set()
        if _PAGE_ADDRESS not in url:
            self._attach()
        self._enabling = self._write("Page.enable", {})

    def check_reacts(self) -> None:
        """Tell early of a page that stands still. That it is left by going elsewhere works all the same.

        Raises:
            ToolError
        """
        ends_at = time.monotonic() + _REACTS_WITHIN_S
        while (left := ends_at - time.monotonic()) > 0:
            message = self._next_within(left)
            if message is None:
                break
            if message.get("id") == self._enabling:
                return
        raise ToolError("the page does not react; a dialog may be open: navigate to leave it", repeatable=True)

    def send(self, method: str, **params: Any) -> Mapping[str, Any]:
        """What the browser answers to a command.

        Raises:
            ToolError: it refused, or did not answer.
        """
        number = self._write(method, params)
        while True:
            message = self._read(self._websocket.receive())
            if message.get("id") == number:
                break
        if "error" in message:
            why = str(object_in(message, "error").get("message") or "no reason")[:_LONGEST_MESSAGE]
            raise BrowserRefused(f"the browser refused {method}: {why}", repeatable=True)
        return object_in(message, "result")

    def begin(self) -> None:
        """Forget what has happened so far, for `wait_for` and `settle`."""
        self._seen.clear()

    def wait_for(self, event: str, seconds: float) -> bool:
        """Until the event has come since `begin`; whether it has in this time."""
        ends_at = time.monotonic() + seconds
        while event not in self._seen:
            left = ends_at - time.monotonic()
            if left <= 0 or self._next_within(left) is None:
                return False
        return True

    def settle(self) -> None:
        """Until what an action has set off is under way; if it leads to another page, until that one is there."""
        try:
            self.send("Runtime.evaluate", expression=_A_MOMENT, awaitPromise=True)
        except BrowserRefused:
            pass  # the page that was asked is gone
        if _LOADING in self._seen:
            self.wait_for(LOADED, _SETTLES_WITHIN_S)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, None if it has none that is JSON."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        return object_in(answer, "result").get("value")

    def _attach(self) -> None:
        pages = [
            each for each in objects_in(self.send("Target.getTargets"), "targetInfos") if each.get("type") == "page"
        ]
        target = pages[0] if pages else self.send("Target.createTarget", url="about:blank")
        self._target = str(target.get("targetId"))
        session = self.send("Target.attachToTarget", targetId=self._target, flatten=True).get("sessionId")
        if not isinstance(session, str):
            raise ToolError("the browser gives no page to work with", repeatable=True)
        self._session = session

    def _write(self, method: str, params: Mapping[str, Any]) -> int:
        self._count += 1
        command: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session is not None:
            command["sessionId"] = self._session
        self._websocket.send(json.dumps(command))
        return self._count

    def _next_within(self, seconds: float) -> Mapping[str, Any] | None:
        text = self._websocket.receive_within(seconds)
        return None if text is None else self._read(text)

    def _read(self, text: str) -> Mapping[str, Any]:
        try:
            message = read_foreign_json(text.encode(errors="replace"))
        except TooMuchJson as error:
            raise ToolError(f"the browser sent too much JSON: {error}", repeatable=True) from error
        except ValueError:
            return {}
        if not isinstance(message, Mapping):
            return {}
        event, params = message.get("method"), object_in(message, "params")
        if event == _LOADING and self._target not in (None, params.get("frameId")):
            return message  # a frame inside the page
        if event in _WATCHED:
            self._seen.add(event)
        if event == "Page.javascriptDialogOpening":
            # Nothing goes on while a dialog is open. To leave a page is what was asked for, all others are closed.
            self._write("Page.handleJavaScriptDialog", {"accept": params.get("type") == "beforeunload"})
        return message
