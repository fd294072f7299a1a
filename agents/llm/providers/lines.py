"""In what lines, events and frames a stream reaches the client library.

Readers of streams are many, each with its own gaps. So all of them get whole lines or frames, without what they stumble
over, and the copies they make are counted before they are made.
"""

import re
import struct
from collections.abc import Iterator

import httpx
from django.conf import settings

from agents.llm.providers.mended_bodies import mended_lines
from agents.llm.providers.provider_answers import StreamEnd, check_bytes
from julep_project.core.errors import ReplyTooLong

# The work that the lines of one event make is also counted in answers.
_EVENT_IN_ANSWERS = 16
_LONG_LINE = 64 * 1024
# As the decoder of the OpenAI client sees it.
_END_OF_EVENT = re.compile(rb"\r\n\r\n|\n\n|\r\r(?!\n)")
_LONGEST_END = 4
# Fields of an event, beside its data. Nobody spreads a long one over more lines.
_LINES_OF_LONG_EVENT = 8
# Characters that stand in JSON as they are, and at which httpx ends a line.
_SEPARATORS = {"\x85".encode(): b"\\u0085", "\u2028".encode(): b"\\u2028", "\u2029".encode(): b"\\u2029"}
# Comments, data without any, and fields that only matter to who connects again. After one with an id, the OpenAI client
# takes every empty line for an event.
_SILENT = re.compile(
    rb"(?:\A|(?<=[\r\n]))(?:(?::|id:|retry:|event:(?![ \t]*error))[^\r\n]*|data:[ \t]*)(?:\r\n?|\n|\Z)"
)
_DONE = re.compile(rb"(?:\A|(?<=[\r\n]))data:[ \t]*\[DONE\]")
_MARK = b"\xef\xbb\xbf"
_LENGTH = struct.Struct(">I")
# Length of the whole, of the headers, and two checksums.
_SHORTEST_FRAME = 16


class Lines:
    """Passes a stream on in whole lines, as many at a time as have come.

    Readers put a line together from its pieces, and the OpenAI client an event from its lines, copying at each what
    they have. So none gets a piece of a line, and the copies that an event costs are counted before they are made.
    """

    def __init__(self, request: httpx.Request, end: StreamEnd, *, are_events: bool) -> None:
        self._request = request
        self._end = end
        self._are_events = are_events
        self._most = settings.MAX_REPLY_BYTES
        self._has_begun = False
        self._line = bytearray()
        self._event_bytes = self._event_lines = self._event_copies = 0
        self._last = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that end in the piece, at once.

        Raises:
            ReplyTooLong: a line or an event is too long.
            httpx.DecodingError: a line holds too much JSON.
        """
        # A CR at the end may be the first half of an end.
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r", 0, -1)) + 1
        if end == 0:
            self._hold(piece)
            return
        first_end = min(found for found in (piece.find(b"\n"), piece.find(b"\r")) if found >= 0)
        self._hold(piece[:first_end])
        yield from self.end(piece[first_end:end])
        self._hold(piece[end:])

    def end(self, rest: bytes = b"") -> Iterator[bytes]:
        """The line that is held, and the rest."""
        if len(self._line) > _LONG_LINE:
            check_bytes(bytes(self._line), self._request)
        lines = bytes(self._line) + rest
        self._line.clear()
        if self._are_events:
            self._count_events(lines)
        lines = self._readable(lines)
        if lines:
            yield lines

    def _readable(self, lines: bytes) -> bytes:
        """The lines as all readers understand them."""
        for character, escaped in _SEPARATORS.items():
            if character in lines:
                lines = lines.replace(character, escaped)
        lines = mended_lines(lines, are_events=self._are_events)
        if not self._are_events:
            return lines
        if not self._has_begun:
            self._has_begun, lines = bool(lines), lines.removeprefix(_MARK)
        if b"[DONE]" in lines and _DONE.search(lines):
            self._end.is_told = True
        return _SILENT.sub(b"", lines)

    def _hold(self, piece: bytes) -> None:
        self._line += piece
        if len(self._line) > self._most:
            raise ReplyTooLong(f"The model provider sent a line of more than {self._most} bytes in a stream")

    def _count_events(self, lines: bytes) -> None:
        text, start = self._last + lines, len(self._last)
        last_end = 0
        for found in _END_OF_EVENT.finditer(text):
            self._count_event(text[start : found.end()])
            self._event_bytes = self._event_lines = self._event_copies = 0
            start = last_end = max(found.end(), start)
        self._count_event(text[start:])
        self._last = text[max(last_end, len(text) - _LONGEST_END) :]

    def _count_event(self, lines: bytes) -> None:
        ends = lines.count(b"\n") + lines.count(b"\r")
        self._event_bytes += len(lines)
        self._event_lines += ends
        self._event_copies += ends * self._event_bytes
        is_spread = self._event_bytes > _LONG_LINE and self._event_lines > _LINES_OF_LONG_EVENT
        if is_spread or self._event_bytes > self._most or self._event_copies > self._most * _EVENT_IN_ANSWERS:
            raise ReplyTooLong("The model provider sent an event that is too long, or of too many lines")


class Frames:
    """Passes a binary event stream on in whole frames: readers copy what they hold at each piece."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._most = settings.MAX_REPLY_BYTES
        self._held = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The frames that end in the piece, at once.

        Raises:
            ReplyTooLong: a frame is too long.
            httpx.DecodingError: there is something else than frames.
        """
        self._held += piece
        end = 0
        while len(self._held) - end >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._held, end)
            if length < _SHORTEST_FRAME:
                raise httpx.DecodingError("the stream is not one of frames", request=self._request)
            if length > self._most:
                raise ReplyTooLong(f"The model provider sent a frame of more than {self._most} bytes in a stream")
            if length > len(self._held) - end:
                break
            end += length
        if end:
            yield bytes(self._held[:end])
            del self._held[:end]

    def end(self) -> Iterator[bytes]:
        """What is left of a frame, for the reader to complain of."""
        if self._held:
            yield bytes(self._held)
