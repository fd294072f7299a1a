"""Ids as clients of OpenAI know them: what kind of row it is, and the row's own id. Either spelling names the row."""

from uuid import UUID

FILE = "file-"
STORE = "vs_"
BATCH = "vsfb_"
_LONGEST_ID = 45


def reference(prefix: str, row_id: UUID) -> str:
    """The id of a row of this kind."""
    return prefix + row_id.hex


def parse_reference(prefix: str, text: str) -> UUID | None:
    """The row's id; None when the text cannot be one."""
    try:
        return UUID(text.removeprefix(prefix)) if len(text) <= _LONGEST_ID else None
    except ValueError:
        return None
