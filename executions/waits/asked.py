"""What a wait asks, for people."""

# Under these names a question stands; under those others it never does.
_ASKS = ("question", "message", "prompt", "text", "title", "q")
_TELLS_NOTHING = ("schema", "type", "assignees")


def first_text(value: object, *, depth: int = 4) -> str:
    """The text in a value that most likely is what a wait asks. Empty if there is none."""
    if isinstance(value, str):
        return value
    parts: list[object] = []
    if isinstance(value, dict):
        asked = [value[name] for name in _ASKS if isinstance(value.get(name), str)]
        parts = [*asked, *(part for name, part in value.items() if name not in _TELLS_NOTHING)]
    elif isinstance(value, list):
        parts = value[:20]
    found = (first_text(part, depth=depth - 1) for part in parts) if depth else iter(())
    return next((text for text in found if text), "")
