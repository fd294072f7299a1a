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
from agents.llm.providers.stop_texts import stopped_by_in
from agents.llm.providers.whole_for_stream import events_of
from julep_project.core.errors import ReplyTooLong

# The work that the lines of one event make is also counted in answers.
_EVENT_IN_ANSWERS = 16
_LONG_LINE = 64 * 1024
_END_OF_EVENT = b"\n\n"
# Fields of an event, beside its data. Nobody spreads a long one over more lines.
_LINES_OF_LONG_EVENT = 8
# Characters that stand in JSON as they are, and at which httpx ends a line.
_SEPARATORS = {"\x85".encode(): b"\\u0085", "\u2028".encode(): b"\\u2028", "\u2029".encode(): b"\\u2029"}
# Comments, data without any, and fields that only matter to who connects again. After one with an id, the OpenAI client
# takes every empty line for an event.
_SILENT = re.compile(rb"^(?:(?::|id:|retry:|event:(?![ \t]*error))[^\n]*|data:[ \t]*)(?:\n|\Z)", re.MULTILINE)
_DONE = b"[DONE]"
_DONE_LINE = re.compile(rb"^data:[ \t]*\[DONE\]", re.MULTILINE)
# Some readers look for the mark of the end in what a model says, too.
_SAID_DONE = b"\\u005bDONE]"
_DATA = b"data:"
_LONGEST_BLANK = 1024
_MARK = b"\xef\xbb\xbf"
_LENGTH = struct.Struct(">I")
# Length of the whole, of the headers, and two checksums.
_SHORTEST_FRAME = 16


class Lines:
    """Passes a stream on in whole lines, as many at a time as have come, all ended by LF.

    Readers put a line together from its pieces, and the OpenAI client an event from its lines, copying at each what
    they have. So none gets a piece of a line, and the copies that an event costs are counted before they are made. An
    event gets one line of data: most readers know no other. An answer that comes whole, though events were asked for,
    is told as events at its end.
    """

    def __init__(self, request: httpx.Request, end: StreamEnd, *, are_events: bool) -> None:
        self._request = request
        self._end = end
        self._are_events = are_events
        self._most = settings.MAX_REPLY_BYTES
        self._has_begun = self._was_cr = False
        # Whether it is no stream at all; None as long as that cannot be told.
        self._is_whole = None if are_events else False
        self._line = bytearray()
        self._spread = bytearray()
        self._event_bytes = self._event_lines = self._event_copies = 0
        self._last = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that end in the piece, at once.

        Raises:
            ReplyTooLong: a line or an event is too long.
            httpx.DecodingError: a line holds too much JSON.
        """
        piece = self._with_plain_ends(piece)
        if self._is_whole is None:
            self._is_whole = _begins_whole(bytes(self._line) + piece[:_LONGEST_BLANK])
        if self._is_whole:
            self._hold(piece)
            return
        end = piece.rfind(b"\n") + 1
        if end == 0:
            self._hold(piece)
            return
        first_end = piece.index(b"\n")
        self._hold(piece[:first_end])
        yield from self._ended(piece[first_end:end])
        self._hold(piece[end:])

    def end(self) -> Iterator[bytes]:
        """What is held."""
        if self._is_whole:
            whole = bytes(self._line)
            check_bytes(whole, self._request)
            self._line.clear()
            self._end.is_told = True
            yield from events_of(whole)
            return
        yield from self._ended(b"")
        yield from self._joined_end()

    def _with_plain_ends(self, piece: bytes) -> bytes:
        """A CR at the end of a piece ends a line at once; the LF that may follow it says nothing new."""
        if self._was_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._was_cr = False
        if b"\r" not in piece:
            return piece
        self._was_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _ended(self, rest: bytes) -> Iterator[bytes]:
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
        if not self._are_events:
            return mended_lines(lines, are_events=False)
        if not self._has_begun:
            self._has_begun, lines = bool(lines.strip()), lines.removeprefix(_MARK)
        if self._spread or _is_spread(lines):
            lines = b"".join(self._joined(lines))
        lines = mended_lines(lines, are_events=True)
        self._end.stopped_by = stopped_by_in(lines) or self._end.stopped_by
        if _DONE in lines:
            lines = self._with_one_end(lines)
        return _SILENT.sub(b"", lines)

    def _with_one_end(self, lines: bytes) -> bytes:
        if _DONE_LINE.search(lines):
            self._end.is_told = True
        return b"".join(
            line if _DONE_LINE.match(line) else line.replace(_DONE, _SAID_DONE)
            for line in lines.splitlines(keepends=True)
        )

    def _joined(self, lines: bytes) -> Iterator[bytes]:
        """The lines, those of data that belong together as one; what is not over is held."""
        for line in lines.splitlines(keepends=True):
            if line.startswith(_DATA) and (self._spread or _begins_spread(line)):
                self._spread += line[len(_DATA) :].strip()
                continue
            yield from self._joined_end()
            yield line

    def _joined_end(self) -> Iterator[bytes]:
        if self._spread:
            yield b"data: " + bytes(self._spread) + b"\n"
            self._spread.clear()

    def _hold(self, piece: bytes) -> None:
        self._line += piece
        if len(self._line) > self._most:
            raise ReplyTooLong(f"The model provider sent a line of more than {self._most} bytes in a stream")

    def _count_events(self, lines: bytes) -> None:
        text, start = self._last + lines, len(self._last)
        last_end = 0
        while (found := text.find(_END_OF_EVENT, last_end)) >= 0:
            last_end = found + len(_END_OF_EVENT)
            self._count_event(text[start:last_end])
            self._event_bytes = self._event_lines = self._event_copies = 0
            start = max(last_end, start)
        self._count_event(text[start:])
        self._last = text[max(last_end, len(text) - 1) :]

    def _count_event(self, lines: bytes) -> None:
        ends = lines.count(b"\n")
        self._event_bytes += len(lines)
        self._event_lines += ends
        self._event_copies += ends * self._event_bytes
        is_spread = self._event_bytes > _LONG_LINE and self._event_lines > _LINES_OF_LONG_EVENT
        if is_spread or self._event_bytes > self._most or self._event_copies > self._most * _EVENT_IN_ANSWERS:
            raise ReplyTooLong("The model provider sent an event that is too long, or of too many lines")


def _begins_whole(begun: bytes) -> bool | None:
    """Whether what begins like that is an object, or a list of them. No event is."""
    said = begun.removeprefix(_MARK).lstrip()
    return said[:1] in (b"{", b"[") if said or len(begun) > _LONGEST_BLANK else None


def _is_spread(lines: bytes) -> bool:
    return any(_begins_spread(line) for line in lines.splitlines())


def _begins_spread(line: bytes) -> bool:
    """Whether a line of data is the beginning of JSON that goes on in the next. Nobody breaks it after a bracket that
    closes."""
    said = line[len(_DATA) :].strip() if line.startswith(_DATA) else b""
    return said[:1] == b"{" and said[-1:] != b"}"


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
