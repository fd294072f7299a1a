"""A chat as an event stream. The chat runs in a task of its own; the response reads from it what is said.

So a chat does not end with its connection: a client that leaves makes it stop and save, and so does one that does not
read; a slow one holds it back. What waits for the client is only what was said: it becomes an event when it is read.
"""

from functools import partial

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agents.llm.pieces import Piece
from julep_project.core.api.exception_handler import answer_for
from julep_project.core.json_value import Json
from julep_project.core.live.reader import Reader, event_stream, in_background
from julep_project.core.live.sse import encode_event, event_of
from julep_project.core.process.panics import contained
from sessions.chat.chat import Chat, ChatCall
from sessions.chat.chat_wire import Envelope, piece_chunk
from sessions.errors import ChatNotRead

# A delta with the number of its choice, or the chunk that ends the stream.
Item = tuple[int, Piece] | dict[str, Json]


async def stream_chat(request: HttpRequest, call: ChatCall) -> HttpResponseBase:
    """The response whose events are the reply, open from its first chunk on.

    Raises:
        what `Chat.run` raises before anything is said.
    """

    async def on_delta(index: int, piece: Piece) -> None:
        await reader.tell((index, piece), len(piece.text))

    async def run() -> None:
        try:
            with contained():
                await chat.begin()
        except Exception as error:
            reader.end(error)
        else:
            reader.end(*chat.last_chunks())

    chat = Chat(call, on_delta)
    encode = partial(_event, chat.envelope, getattr(request, "request_id", ""))
    reader: Reader[Item] = Reader(encode, stalled=lambda: chat.stop(ChatNotRead()), left=chat.leave)
    in_background(run())
    await reader.open()
    return event_stream(reader, status=201)


def _event(envelope: Envelope, request_id: str, item: Item | Exception) -> bytes:
    match item:
        case (int() as index, Piece() as piece):
            return event_of(envelope.chunk(piece_chunk(index, piece)))
        case Exception():
            answer = answer_for(item, operation="chat", resource="Session", request_id=request_id)
            return encode_event(answer.event)
    return encode_event(item)
