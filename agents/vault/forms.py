"""How a secret may look when somebody repeats it: in the encodings that servers and programs write texts in."""

import base64
import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import numpy as np

# A shorter value is part of too much else; one that is hidden nevertheless would take words apart.
SHORTEST_VALUE = 4
# Short texts in other encodings are met by chance, above all in base64 of something else.
_SHORTEST_ENCODED = 6
_OF_BROWSERS = "!'()*~"  # what encodeURIComponent leaves as it is
_OF_PATHS = "/"
_OF_CLIENTS = "!$&'()*+,;=:@/?"  # what stays in an address that was written whole
# A longer value is looked for as it is, not as it is sent.
_LONGEST_ODD = 10_000
_NO_DIGIT = 255
_DIGITS = np.full(256, _NO_DIGIT, dtype=np.uint8)
for _digit in b"0123456789abcdefABCDEF":
    _DIGITS[_digit] = int(chr(_digit), 16)
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class Form:
    """One spelling of a value. With `in_any_case`, capitals make no difference."""

    content: bytes
    in_any_case: bool = False


def forms_of(value: str) -> Iterator[Form]:
    """Every form that is looked for, some of them several times; none of a value that is too short."""
    if len(value) < SHORTEST_VALUE:
        return
    yield Form(_bytes(value))
    for text in _as_sent(value):
        raw = _bytes(text)
        for form in (*_encoded(text, raw), *_base64(raw)):
            if len(form.content) >= _SHORTEST_ENCODED:
                yield form


def _as_sent(value: str) -> set[str]:
    """The value as it stands in a request, of which a server may encode the whole."""
    if len(value) > _LONGEST_ODD:
        return {value}
    escaped = {json.dumps(value, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)}
    return {value, *escaped, *(quote(value, safe=safe) for safe in ("", _OF_PATHS, _OF_CLIENTS)), quote_plus(value)}


class Unescaped:
    """A content with every `%41` in it read, whoever chose what is written so."""

    def __init__(self, content: bytes) -> None:
        given = np.frombuffer(content, dtype=np.uint8)
        starts = np.flatnonzero(given[:-2] == ord("%"))
        high, low = _DIGITS[given[starts + 1]], _DIGITS[given[starts + 2]]
        is_escape = (high < _NO_DIGIT) & (low < _NO_DIGIT)
        starts, plain, stays = starts[is_escape], given.copy(), np.ones(len(given), dtype=bool)
        plain[starts] = high[is_escape] * 16 + low[is_escape]
        stays[starts + 1] = stays[starts + 2] = False
        self.content = plain[stays].tobytes()
        self.has_any = len(starts) > 0
        self._escaped = starts - 2 * np.arange(len(starts))

    def origin(self, place: int) -> int:
        """Where a byte of the content was, or its end."""
        return place + 2 * int(np.searchsorted(self._escaped, place))


def _encoded(value: str, raw: bytes) -> Iterator[Form]:
    yield Form(raw, in_any_case=True)
    yield from (Form(_bytes(text)) for text in _in_programs(value))
    yield from (Form(_bytes(text), in_any_case=True) for text in (*_in_pages(value, raw), *_in_addresses(raw)))
    yield Form(raw.hex().encode(), in_any_case=True)
    if value.isascii():
        yield Form(value.encode("utf-16-le"))
        yield Form(value.encode("utf-16-be"))


def _in_programs(value: str) -> Iterator[str]:
    """Inside quotes, once, in a text that is quoted itself, and in what Python shows of that; and with its blanks made
    one."""
    for is_ascii in (True, False):
        once = json.dumps(value, ensure_ascii=is_ascii)[1:-1]
        yield once
        yield once.replace("/", "\\/")
        twice = json.dumps(once, ensure_ascii=is_ascii)[1:-1]
        yield twice
        yield repr(twice)[1:-1]
    yield repr(value)[1:-1]
    yield " ".join(value.split())


def _in_pages(value: str, raw: bytes) -> Iterator[str]:
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield html.escape(value).replace("&#x27;", "&#39;")
    yield "".join(f"&#{ord(character)};" for character in value)
    yield "".join(f"&#x{ord(character):x};" for character in value)
    units = value.encode("utf-16-be", "surrogatepass")
    yield "\\u" + units.hex(" ", 2).replace(" ", "\\u")
    yield "\\x" + raw.hex(" ").replace(" ", "\\x")


def _in_addresses(raw: bytes) -> Iterator[str]:
    for safe in ("", _OF_PATHS, _OF_BROWSERS):
        once = quote(raw, safe=safe)
        yield once
        yield quote(once, safe=safe)
    yield quote_plus(raw)
    yield "%" + raw.hex("%")


def _base64(raw: bytes) -> Iterator[Form]:
    """What is certain of its base64, wherever the value begins in what was encoded. The characters beside it hold at
    most four bits of the value."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw + bytes(3))
        first, last = -(-8 * offset // 6), 8 * (offset + len(raw)) // 6
        certain = encoded[first:last]
        yield Form(certain)
        yield Form(certain.translate(_URL_SAFE))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
