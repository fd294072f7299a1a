"""Mail: who wrote what to whom, the text, and what is attached. Attachments are read like files of their own."""

import email
import io
from collections.abc import Callable, Iterator
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

from docs_store.extraction.errors import FileProblem, damaged, too_large
from docs_store.extraction.formats import html, plain
from docs_store.extraction.formats.decoding import decoded
from docs_store.extraction.limits import DEEPEST_MAIL, MOST_MAIL_PARTS
from docs_store.extraction.parts import Block, Part, Parts, Source, broken, grouped

_SHOWN = ("From", "To", "Cc", "Date")
_LONGEST_HEADER = 1000

# Reads an attachment.
Read = Callable[[Source], Parts]


def parts(source: Source, read: Read) -> Parts:
    """The parts of a message; `read` reads what is attached to it."""
    try:
        message = email.message_from_binary_file(source.content, policy=policy.compat32)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, IndexError) as error:
        raise damaged("The message", error) from error
    return Parts(_Mail(read, source.depth).each(message))


class _Mail:
    """Reads one message, and those within it: all of them together have so many parts."""

    def __init__(self, read: Read, depth: int) -> None:
        self._read = read
        self._depth = depth
        self._left = MOST_MAIL_PARTS
        self._subject = ""

    def each(self, message: Any) -> Iterator[Part]:
        """The message, and what is in it, without recursion."""
        waiting: list[tuple[Any, int, bool]] = [(message, 0, True)]
        while waiting:
            part, depth, has_head = waiting.pop()
            self._left -= 1
            if self._left < 0:
                raise too_large(f"The message has more than {MOST_MAIL_PARTS} parts")
            if depth > DEEPEST_MAIL:
                yield broken(too_large("A message lies too deep in others"), heading=self._subject)
                continue
            if has_head:
                self._subject = _shown(part["Subject"] or "")
                yield from grouped(_head(part, self._subject), heading=self._subject)
            inner = _chosen(part)
            if inner is not None:
                is_message = part.get_content_maintype() == "message"
                waiting += [(one, depth + is_message, is_message) for one in reversed(inner)]
            elif part.get_filename() or not part.get_content_type().startswith("text/"):
                yield from self._attached(part)
            else:
                yield from grouped(_text(part), heading=self._subject)

    def _attached(self, part: Any) -> Iterator[Part]:
        name = _shown(part.get_filename() or part.get_content_type())
        content = _payload(part)
        if not content:
            return
        source = Source(io.BytesIO(content), _suffix(name), part.get_content_type(), self._depth + 1)
        try:
            if source.depth > DEEPEST_MAIL:
                raise too_large("An attachment lies too deep in others")
            for one in self._read(source).each:
                yield Part(one.read, one.page, " > ".join(filter(None, [name, one.heading])))
        except FileProblem as error:
            yield from grouped([Block(f"Attachment: {name}")], heading=self._subject)
            if error.code not in _EXPECTED:
                yield broken(error, heading=name)


# Pictures and the like: that they are there is all there is to say.
_EXPECTED = frozenset({"file_type_unknown", "file_has_no_text"})


def _chosen(part: Any) -> list[Any] | None:
    """What of a part with parts is read: of alternatives the plain text, or else the last; None of one without."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return None
    if part.get_content_type() != "multipart/alternative":
        return payload
    plain_ones = [one for one in payload if one.get_content_type() == "text/plain" and _payload(one).strip()]
    return plain_ones[:1] or payload[-1:]


def _head(message: Any, subject: str) -> Iterator[Block]:
    yield Block(subject)
    lines = [f"{name}: {_shown(message[name])}" for name in _SHOWN if message[name]]
    yield Block("\n".join(lines))


def _text(part: Any) -> Iterator[Block]:
    text = decoded(_payload(part), part.get_content_charset())
    return html.blocks(text) if part.get_content_subtype() == "html" else plain.paragraphs(text)


def _payload(part: "Message[str, str]") -> bytes:
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
        return b""
    return content if isinstance(content, bytes) else b""


def _shown(header: Any) -> str:
    """A header in words, as far as it can be decoded."""
    text = str(header)[:_LONGEST_HEADER]
    try:
        text = str(make_header(decode_header(text)))
    except (ValueError, LookupError, TypeError, AssertionError):
        pass
    return " ".join(text.split())


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower()[:10] if "." in name else ""
