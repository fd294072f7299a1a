"""Keys as models name them (`ctrl+a`, `Return`, `Page_Down`), as events of a browser."""

from typing import Any

from agents.tools.errors import BadArguments

_MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}
_CODES = {
    "Backspace": 8, "Tab": 9, "Enter": 13, "Shift": 16, "Control": 17, "Alt": 18, "Pause": 19, "CapsLock": 20,
    "Escape": 27, " ": 32, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38,
    "ArrowRight": 39, "ArrowDown": 40, "PrintScreen": 44, "Insert": 45, "Delete": 46, "Meta": 91, "ContextMenu": 93,
    **{f"F{number}": 111 + number for number in range(1, 13)},
}  # fmt: skip
_OTHER_NAMES = {
    "return": "Enter", "kp_enter": "Enter", "ctrl": "Control", "control_l": "Control", "control_r": "Control",
    "shift_l": "Shift", "shift_r": "Shift", "alt_l": "Alt", "alt_r": "Alt", "option": "Alt", "super": "Meta",
    "super_l": "Meta", "cmd": "Meta", "command": "Meta", "win": "Meta", "esc": "Escape", "space": " ", "del": "Delete",
    "page_up": "PageUp", "page_down": "PageDown", "prior": "PageUp", "next": "PageDown", "left": "ArrowLeft",
    "right": "ArrowRight", "up": "ArrowUp", "down": "ArrowDown", "caps_lock": "CapsLock", "menu": "ContextMenu",
    "plus": "+", "minus": "-", "period": ".", "comma": ",", "slash": "/", "equal": "=",
}  # fmt: skip
_KNOWN = {name.lower(): name for name in _CODES}
_TEXTS = {"Enter": "\r", " ": " "}
_MOST_KEYS = 5


def key_events(combination: str) -> list[dict[str, Any]]:
    """Parameters of `Input.dispatchKeyEvent`: the keys pressed one after the other, and let go the other way round.

    Raises:
        BadArguments: a key has no name known here.
    """
    keys = [_key(name) for name in _names(combination)]
    if not 0 < len(keys) <= _MOST_KEYS:
        raise BadArguments(f"`text` must name one key, or up to {_MOST_KEYS} with `+` between")
    held, events = 0, []
    for key in keys:
        held |= _MODIFIERS.get(key, 0)
        events.append(_event("keyDown", key, held))
    for key in reversed(keys):
        held &= ~_MODIFIERS.get(key, 0)
        events.append(_event("keyUp", key, held))
    return events


def _names(combination: str) -> list[str]:
    """`ctrl++` presses the plus."""
    if combination.endswith("+"):
        return [*filter(None, combination[:-1].split("+")), "+"]
    return combination.split("+")


def _key(name: str) -> str:
    if len(name) == 1:
        return name
    low = name.strip().lower()
    key = _OTHER_NAMES.get(low) or _KNOWN.get(low)
    if key is None:
        raise BadArguments(f"no key is called {name[:20]!r}")
    return key


def _event(kind: str, key: str, held: int) -> dict[str, Any]:
    event: dict[str, Any] = {"type": kind, "key": key, "modifiers": held}
    if held & _MODIFIERS["Shift"] and len(key) == 1:
        event["key"] = key = key.upper()
    text = _TEXTS.get(key, key if len(key) == 1 else "")
    if key in _CODES:
        event |= {"code": "Space" if key == " " else key, "windowsVirtualKeyCode": _CODES[key]}
    elif key.isascii() and key.isalnum():
        letter = key.upper()
        event |= {
            "code": f"Digit{letter}" if key.isdigit() else f"Key{letter}",
            "windowsVirtualKeyCode": ord(letter),
        }
    types = held & ~_MODIFIERS["Shift"] == 0
    if kind == "keyDown":
        event |= {"text": text} if text and types else {"type": "rawKeyDown"}
    return event
