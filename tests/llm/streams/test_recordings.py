"""What providers send, played through all who ask models; see `recording`."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace

import httpx
import pytest

from agents.llm.answer import Answer
from agents.llm.openai_protocol import wording
from agents.llm.providers.lines import Frames, Lines
from agents.llm.providers.provider_answers import StreamEnd
from agents.llm.request import ModelRequest
from agents.llm.stream import open_stream
from julep_project.core.errors import DomainError
from tests.chat.conftest import Talk
from tests.llm.streams.recording import MODELS, RecordedProvider, Recording, Result, recordings
from tests.llm.streams.surfaces import Surfaces

RECORDINGS = recordings()
# What is longer is so because it repeats itself.
_LONGEST = 2_500
_REQUEST = httpx.Request("POST", "http://127.0.0.1/")
STREAMS = [recorded for recorded in RECORDINGS if recorded.streamed is not None]


def test_there_is_a_recording_of_everybody() -> None:
    assert {recorded.provider for recorded in RECORDINGS} == set(MODELS)
    assert len(RECORDINGS) >= 40


@pytest.mark.parametrize("folder", MODELS)
def test_every_surface_makes_the_same_of_it(folder: str, provider: RecordedProvider, talk: Talk) -> None:
    _check(folder, provider, talk)


def test_the_library_makes_the_same_of_what_is_read_without_it(
    provider: RecordedProvider, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = wording.PROVIDER
    monkeypatch.setattr(wording, "PROVIDER", "")
    _check(folder, provider, talk)


def _check(folder: str, provider: RecordedProvider, talk: Talk) -> None:
    surfaces = Surfaces(talk)
    wrong: list[str] = []
    for recorded in (recorded for recorded in RECORDINGS if recorded.provider == folder):
        provider.plays = recorded
        for surface, made in _all_made(surfaces, recorded, provider):
            if not _is_right(made, recorded.result):
                wrong.append(f"{recorded}, {surface}: {made}, not {recorded.result}")
    assert not wrong, "\n".join(wrong)


def _all_made(surfaces: Surfaces, recorded: Recording, provider: RecordedProvider) -> Iterator[tuple[str, Result]]:
    """The streams in two pieces, cut in another place for each surface."""
    if recorded.whole is not None:
        for surface, play in surfaces.whole.items():
            yield surface, play(recorded)
    if recorded.streamed is not None:
        for part, (surface, play) in enumerate(surfaces.streamed.items(), start=1):
            provider.cut_at = (len(recorded.streamed) * part // 4,)
            yield f"streamed {surface}", play(recorded)


def _is_right(made: Result, wanted: Result) -> bool:
    if wanted.error:
        return wanted.error in made.error
    cut_with_calls = bool(wanted.calls and wanted.finish)
    return replace(made, usage=None, finish="" if cut_with_calls else made.finish) == replace(
        wanted, usage=None, finish="" if cut_with_calls else wanted.finish
    ) and (wanted.usage is None or made.usage == wanted.usage)


@pytest.mark.parametrize("recorded", STREAMS, ids=str)
def test_it_may_come_byte_by_byte(recorded: Recording, provider: RecordedProvider) -> None:
    assert recorded.streamed is not None
    provider.plays, provider.cut_at = recorded, tuple(range(1, min(len(recorded.streamed), _LONGEST)))

    async def read() -> tuple[Answer, str]:
        answer = Answer()
        messages = [{"role": "user", "content": "Hi"}]
        stream = await open_stream(ModelRequest(recorded.model, messages, timeout_s=20))
        try:
            async with aclosing(stream.chunks()) as chunks:
                async for chunk in chunks:
                    answer.add(chunk)
        except DomainError as error:
            return answer, str(error)
        finally:
            await stream.aclose()
        answer.end()
        answer.usage = stream.usage
        return answer, ""

    answer, error = asyncio.run(read())
    counts = answer.usage and (answer.usage["prompt_tokens"], answer.usage["completion_tokens"])
    calls = tuple((call["function"]["name"], call["function"]["arguments"]) for call in answer.calls)
    finish = (answer.finish_reason or "") if answer.is_cut else ""
    said = answer.text or answer.refusal
    assert _is_right(Result(said, answer.thoughts, calls, finish, counts, error), recorded.result)


@pytest.mark.parametrize("recorded", STREAMS, ids=str)
def test_wherever_it_is_cut_the_library_reads_the_same(recorded: Recording) -> None:
    """Whole lines or frames reach it, however the bytes come, so that all that can differ is where lines end."""
    assert recorded.streamed is not None
    sent = recorded.streamed if recorded.events else recorded.streamed[:_LONGEST]
    in_one = b"".join(_read(recorded, sent))
    for cut in range(1, len(sent)):
        pieces = _read(recorded, sent[:cut], sent[cut:])
        assert b"".join(pieces) == in_one
        assert recorded.events or all(piece[-1:] == b"\n" for piece in pieces[:-1])


def test_an_event_is_passed_on_at_once_however_lines_end() -> None:
    for end in ("\n", "\r\n", "\r"):
        lines = Lines(_REQUEST, StreamEnd(), are_events=True)
        passed = [b"".join(lines.feed(f"data: {word}{end}{end}".encode())) for word in ("one", "two")]
        assert passed == [b"data: one\n\n", b"data: two\n\n"]


def _read(recorded: Recording, *pieces: bytes) -> list[bytes]:
    are_events = recorded.provider != "ollama"
    lines = Frames(_REQUEST) if recorded.events else Lines(_REQUEST, StreamEnd(), are_events=are_events)
    return [read for piece in pieces for read in lines.feed(piece)] + list(lines.end())
