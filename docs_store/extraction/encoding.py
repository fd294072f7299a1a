"""What bytes tell of the encoding of a text, without any library."""

import codecs

# The longer ones first: one of the others begins alike.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Texts of one byte for each second letter, seen as bytes.
_MANY_NULS = 0.25
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\b"))


def is_text(head: bytes) -> bool:
    """Whether a file that begins so is text of any kind."""
    if any(head.startswith(mark) for mark, _ in MARKS) or wide(head):
        return True
    return b"\0" not in head and sum(head.count(byte) for byte in _CONTROLS) <= len(head) // 50


def wide(raw: bytes) -> str | None:
    """UTF-16 without a mark: in most texts every second byte is zero often."""
    sample = raw[:4096]
    half = max(len(sample) // 2, 1)
    even, odd = sample[::2].count(0) / half, sample[1::2].count(0) / half
    if max(even, odd) < _MANY_NULS or min(even, odd) > _MANY_NULS / 2:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"
