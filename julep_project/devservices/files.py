"""Small files that hold secrets or state."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; only its owner may read it, from the first byte on."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    draft.replace(path)
