"""A Chromium somewhere else, controlled through the DevTools protocol."""

from collections.abc import Callable
from typing import Any

from agents.tool_types import Effect
from agents.tools.errors import BadArguments, ToolError
from agents.tools.integrations.devtools import LOADED, Page, websocket_address
from agents.tools.integrations.keyboard import key_events
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, is_named
from agents.tools.integrations.websocket import WebSocket, plain_address
from julep_project.core import http

_LOADS_WITHIN_S = 30.0
_LEAVES = frozenset({"navigate", "refresh"})
_LONGEST_TEXT = 100_000
_FURTHEST = 100_000
_Point = tuple[float, float]


def perform_action(call: IntegrationCall) -> dict[str, Any]:
    """`{output, error, base64_image, system}`: what was done; of `screenshot` the picture as a data URL."""
    arguments = call.arguments
    act, needs = _ACTIONS[arguments["action"]]
    if needs and arguments.get(needs) is None:
        raise BadArguments(f"the action {arguments['action']} needs `{needs}`")
    address = call.setup.get("connect_url") or arguments.get("connect_url") or address_of("remote_browser", "")
    if not address:
        raise ToolError("the setup of remote_browser needs connect_url (or the server's setting INTEGRATION_ADDRESSES)")
    url = websocket_address(call, address)
    if arguments["action"] == "navigate":
        _check_target(call, address, arguments["text"])
    with WebSocket(call, url) as websocket:
        page = Page(websocket, url)
        if arguments["action"] not in _LEAVES:
            page.check_reacts()
        width, height = call.setup.get("width"), call.setup.get("height")
        if width and height:
            size = {"width": width, "height": height}
            page.send("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)
        page.begin()
        told = act(page, call)
        if arguments["action"] in _SETS_OFF:
            page.settle()
    return {"output": None, "error": None, "base64_image": None, "system": None, **told}


def _check_target(call: IntegrationCall, address: str, target: str) -> None:
    """The operator's own browser stands in his network; what tasks may not reach, it is not sent to."""
    if target == "about:blank":
        return
    if "\\" in target.partition("?")[0]:
        # Browsers take it for a slash, so for them another host may stand before it.
        raise BadArguments("`text` must be an address that starts with http:// or https://, without a backslash")
    try:
        place = http.host_and_port(target)
        if is_named(call.provider, plain_address(address)):
            http.check_reachable(*place, call.seconds_left())
    except http.InvalidRequest as error:
        raise BadArguments("`text` must be an address that starts with http:// or https://") from error
    except http.HttpError as error:
        raise ToolError(str(error), retryable=error.retryable) from error


def _navigate(page: Page, call: IntegrationCall) -> dict[str, Any]:
    url = call.arguments["text"]
    answer = page.send("Page.navigate", url=url)
    if answer.get("errorText"):
        raise ToolError(f"the page cannot be shown: {str(answer['errorText'])[:100]}", repeatable=True)
    if answer.get("loaderId"):
        page.wait_for(LOADED, _LOADS_WITHIN_S)
    return {"output": url}


def _refresh(page: Page, call: IntegrationCall) -> dict[str, Any]:
    page.send("Page.reload")
    page.wait_for(LOADED, _LOADS_WITHIN_S)
    return {"output": "Refreshed page"}


def _press(page: Page, call: IntegrationCall) -> dict[str, Any]:
    for event in key_events(call.arguments["text"]):
        page.send("Input.dispatchKeyEvent", **event)
    return {"output": f"Pressed {call.arguments['text']}"}


def _type(page: Page, call: IntegrationCall) -> dict[str, Any]:
    first, *others = call.arguments["text"].split("\n")
    page.send("Input.insertText", text=first)
    for line in others:
        for event in key_events("Enter"):
            page.send("Input.dispatchKeyEvent", **event)
        page.send("Input.insertText", text=line)
    return {"output": f"Typed {call.arguments['text']}"}


def _move(page: Page, call: IntegrationCall) -> dict[str, Any]:
    x, y = _point(call)
    _mouse(page, "mouseMoved", (x, y))
    _remember(page, (x, y))
    return {"output": f"Moved mouse to ({x:g}, {y:g})"}


def _click(button: str, count: int, told: str) -> Callable[[Page, IntegrationCall], dict[str, Any]]:
    def act(page: Page, call: IntegrationCall) -> dict[str, Any]:
        where = _position(page)
        if call.arguments.get("coordinate") is not None:
            where = _point(call)
            _mouse(page, "mouseMoved", where)
            _remember(page, where)
        for number in range(1, count + 1):
            for kind in ("mousePressed", "mouseReleased"):
                _mouse(page, kind, where, button=button, clickCount=number)
        return {"output": told}

    return act


def _drag(page: Page, call: IntegrationCall) -> dict[str, Any]:
    start, end = _position(page), _point(call)
    _mouse(page, "mousePressed", start, button="left", clickCount=1)
    _mouse(page, "mouseMoved", end, button="left", buttons=1)
    _mouse(page, "mouseReleased", end, button="left", clickCount=1)
    _remember(page, end)
    return {"output": f"Left clicked and dragged to ({end[0]:g}, {end[1]:g})"}


def _screenshot(page: Page, call: IntegrationCall) -> dict[str, Any]:
    picture = page.send("Page.captureScreenshot", format="png").get("data")
    if not isinstance(picture, str) or not picture:
        raise ToolError("the browser gave no picture", repeatable=True)
    return {"base64_image": f"data:image/png;base64,{picture}", "system": "take_screenshot"}


def _tell_position(page: Page, call: IntegrationCall) -> dict[str, Any]:
    x, y = _position(page)
    return {"output": f"X={x:g}, Y={y:g}"}


def _mouse(page: Page, kind: str, where: _Point, **more: Any) -> None:
    page.send("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], **more)


def _remember(page: Page, where: _Point) -> None:
    """Each call connects anew, and a browser does not tell where its mouse is: the page keeps it."""
    page.evaluate(f"void (window.__mousePosition = [{where[0]}, {where[1]}])")


def _position(page: Page) -> _Point:
    """Where the mouse was last; on a page it has not been on, the middle."""
    found = page.evaluate("window.__mousePosition || [Math.floor(innerWidth / 2), Math.floor(innerHeight / 2)]")
    if not isinstance(found, list) or len(found) != 2 or not all(map(_is_coordinate, found)):
        return 0, 0
    return found[0], found[1]


def _point(call: IntegrationCall) -> _Point:
    x, y = call.arguments["coordinate"]
    return x, y


def _is_coordinate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _FURTHEST


_Action = Callable[[Page, IntegrationCall], dict[str, Any]]
# What is done, and the argument it cannot do without.
_ACTIONS: dict[str, tuple[_Action, str]] = {
    "key": (_press, "text"),
    "type": (_type, "text"),
    "mouse_move": (_move, "coordinate"),
    "left_click": (_click("left", 1, "Left clicked"), ""),
    "left_click_drag": (_drag, "coordinate"),
    "right_click": (_click("right", 1, "Right clicked"), ""),
    "middle_click": (_click("middle", 1, "Middle clicked"), ""),
    "double_click": (_click("left", 2, "Double clicked"), ""),
    "screenshot": (_screenshot, ""),
    "cursor_position": (_tell_position, ""),
    "navigate": (_navigate, "text"),
    "refresh": (_refresh, ""),
}
# What the page may answer by going elsewhere.
_SETS_OFF = frozenset(_ACTIONS) - _LEAVES - {"screenshot", "cursor_position", "mouse_move"}
_SIZE = {"type": "integer", "minimum": 1, "maximum": 10_000}

METHODS = (
    Method(
        provider="remote_browser",
        name="perform_action",
        effect=Effect.DANGEROUS,
        description="Do something in a browser: go to a page, click, type, press keys, take a screenshot.",
        run=perform_action,
        arguments=schema(
            "action",
            action={"enum": list(_ACTIONS)},
            connect_url=text("Address of the browser, if the setup has none"),
            text={
                "type": "string",
                "maxLength": _LONGEST_TEXT,
                "description": "Address to navigate to, text to type, or key to press, such as `ctrl+a`",
            },
            coordinate={
                "type": "array",
                "items": {"type": "number", "minimum": 0, "maximum": _FURTHEST},
                "minItems": 2,
                "maxItems": 2,
                "description": "Where the mouse goes: x and y in pixels",
            },
        ),
        setup=schema(connect_url=text("Address of the browser: ws, wss, http or https"), width=_SIZE, height=_SIZE),
    ),
)
