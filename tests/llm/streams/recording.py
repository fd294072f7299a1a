"""Recordings of what providers send: one file for each oddity, with what has to come of it.

`about` says what is odd. `stream` is the body of a streamed answer, `whole` that of one in a piece; where one is
missing, the oddity cannot come that way. `events` are those of a binary event stream, by type. `<U+2028>` stands for
that character, `line_end` for the ends of all lines; `type` is the type of the stream where it is not the provider's.
`asked` are settings of the request.

`result` is what has to come of it: `text`, `thoughts`, `calls` by name and arguments, `finish` when the answer is cut
short, `usage` as prompt and completion tokens where the provider counts them, and `error`, words of the failure that
ends a stream.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import yaml

from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply

FOLDER = Path(__file__).parent
# The folders, and the model that is asked for what is in them.
MODELS: Mapping[str, str] = {
    "anthropic": "anthropic/claude-haiku-4-5",
    "bedrock": "bedrock/converse/us.amazon.nova-lite-v1:0",
    "deepseek": "deepseek/deepseek-chat",
    "gemini": "gemini/gemini-2.5-flash",
    "groq": "groq/llama-3.3-70b-versatile",
    "mistral": "mistral/mistral-small-latest",
    "ollama": "ollama_chat/llama3",
    "openai": "openai/gpt-4o-mini",
    "vllm": "hosted_vllm/model-of-ours",
}
FUNCTIONS = ("alpha", "beta")
_TYPES = {"ollama": "application/x-ndjson", "bedrock": "application/vnd.amazon.eventstream"}
_CHARACTER = re.compile(r"<U\+([0-9A-F]{4})>")


@dataclass(frozen=True)
class Result:
    """What has to come of a recording."""

    text: str = ""
    thoughts: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    finish: str = ""
    usage: tuple[int, int] | None = None
    error: str = ""


@dataclass(frozen=True)
class Recording:
    """One file."""

    provider: str
    name: str
    about: str
    result: Result
    stream: str | None = None
    events: tuple[tuple[str, Any], ...] = ()
    whole: str | None = None
    line_end: str = "\n"
    type: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The model to ask for."""
        return MODELS[self.provider]

    @cached_property
    def streamed(self) -> bytes | None:
        """The body of the stream; None without one."""
        if self.events:
            return b"".join(frame(*event) for event in self.events)
        if self.stream is None:
            return None
        text = _CHARACTER.sub(lambda found: chr(int(found[1], 16)), self.stream)
        return text.replace("\n", self.line_end).encode()

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"


def recordings() -> list[Recording]:
    """All there are."""
    return [_read(path) for path in sorted(FOLDER.glob("*/*.yaml"))]


def _read(path: Path) -> Recording:
    fields = yaml.safe_load(path.read_text())
    result = fields.pop("result")
    for name in ("calls", "usage"):
        if name in result:
            result[name] = tuple(tuple(one) if isinstance(one, list) else one for one in result[name])
    fields["events"] = tuple((kind, payload) for kind, payload in fields.get("events", ()))
    # Between its events, a stream has empty lines; the last is not in the file.
    if "stream" in fields and path.parent.name != "ollama":
        fields["stream"] += "\n"
    return Recording(path.parent.name, path.stem, result=Result(**result), **fields)


def frame(kind: str, payload: Any) -> bytes:
    """A frame of Amazon's event streams. `exception:NAME` is the kind of a failure."""
    is_exception = kind.startswith("exception:")
    name = kind.removeprefix("exception:")
    headers = b"".join(
        _header(*one)
        for one in (
            (":exception-type" if is_exception else ":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "exception" if is_exception else "event"),
        )
    )
    body = orjson.dumps(payload)
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    start = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return start + struct.pack(">I", zlib.crc32(start))


def _header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


class RecordedProvider(LoopbackServer):
    """Every provider at once: it says what `plays` says, streamed to those who ask for that.

    `pieces` cuts the body of a stream.
    """

    def __init__(self) -> None:
        super().__init__()
        self.plays: Recording | None = None
        self.cut_at: tuple[int, ...] = ()

    def environment(self) -> Iterator[tuple[str, str]]:
        """Where the client library finds it, and the keys it wants to have."""
        for name in ("ANTHROPIC_API_BASE", "AWS_BEDROCK_RUNTIME_ENDPOINT", "GEMINI_API_BASE", "OLLAMA_API_BASE"):
            yield name, self.url
        for provider in ("DEEPSEEK", "GROQ", "HOSTED_VLLM", "MISTRAL_AZURE", "OPENAI"):
            yield f"{provider}_API_BASE", f"{self.url}/v1"
        for provider in ("ANTHROPIC", "DEEPSEEK", "GEMINI", "GROQ", "MISTRAL", "MISTRAL_AZURE", "OPENAI"):
            yield f"{provider}_API_KEY", "sk-loopback-key"
        yield from (("AWS_ACCESS_KEY_ID", "AKIALOOPBACK"), ("AWS_SECRET_ACCESS_KEY", "loopback-secret"))
        yield "AWS_REGION_NAME", "us-east-1"

    def answer(self, request: RecordedRequest) -> Reply:
        """What is played, as it was asked for."""
        playing = self.plays
        assert playing is not None
        if not _asks_for_stream(request):
            assert playing.whole is not None
            return Reply(200, body=playing.whole, headers={"Content-Type": "application/json"})
        assert playing.streamed is not None
        kind = playing.type or _TYPES.get(playing.provider, "text/event-stream")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode()
        ends = [*self.cut_at, len(playing.streamed)]
        pieces = [playing.streamed[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        return Reply(raw=[head, *pieces])


def _asks_for_stream(request: RecordedRequest) -> bool:
    path = request.path
    return "stream" in path.rsplit("/", 1)[-1].lower() or bool(orjson.loads(request.body).get("stream"))
