"""Lets requests into a server process: so many at a time, and so many bytes of their bodies. The others get 503 with
`Retry-After`, where possible before their body is read. And lets none stay whose client does not read its answer."""

import asyncio
import logging

from django.conf import settings

from julep_project.core.errors import DomainError, ServiceUnavailable
from julep_project.core.reading.held_body import SCOPE_KEY
from julep_project.serving.answers import send_error
from julep_project.serving.threaded_wsgi import Application, Message, Receive, Scope, Send

# So much of every body counts for nothing: usual requests are let in whatever large ones arrive beside them.
_FREE_BYTES = 64 * 1024
# How long a body waits for others to go.
_WAIT_S = 2.0
_LONGEST_BODY_S = 120.0
# What a stream tells is given up after `CHAT_READER_TIMEOUT_S`; a client that reads on by then hears why.
UNREAD_TIMES = 2

log = logging.getLogger(__name__)


class TooBusy(ServiceUnavailable):
    """The server has too much to do at the moment; try again."""

    code = "server_busy"
    retry_after_s = 1


class BodyTooSlow(DomainError):
    """The request body did not arrive in time."""

    status = 408


class BodyIncomplete(DomainError):
    """The request body broke off, or what came is not one."""

    status = 400


class NotRead(Exception):
    """The client did not read its answer for so long that its connection is closed."""


class Bodies:
    """The bytes of large bodies that one process holds. Belongs to one event loop."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._room = asyncio.Event()

    async def take(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            TooBusy: others hold too many, and go on to.
        """
        try:
            async with asyncio.timeout(_WAIT_S):
                while size > self._left:
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            raise TooBusy from None
        self._left -= size

    def give_back(self, size: int) -> None:
        self._left += size
        self._room.set()


class HeldBody:
    """One request's part of the bodies."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._arrived = 0
        self._held = 0

    async def add(self, size: int) -> None:
        """So many bytes have arrived.

        Raises:
            TooBusy
        """
        self._arrived += size
        more = max(self._arrived - _FREE_BYTES, 0) - self._held
        if more > 0:
            await self._bodies.take(more)
            self._held += more

    def release(self) -> None:
        """The body is not needed any more. May be said more than once."""
        held, self._held = self._held, 0
        if held:
            self._bodies.give_back(held)


class Admission:
    """An ASGI application around another one, with `most` requests in it at a time and bodies that count."""

    def __init__(self, application: Application, bodies: Bodies, *, most: int) -> None:
        self._application = application
        self._bodies = bodies
        self._most = most
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.inside >= self._most:
            await send_error(TooBusy(), scope, send)
            return
        self.inside += 1
        held = HeldBody(self._bodies)
        try:
            await self._serve(scope, receive, send, held)
        finally:
            held.release()
            self.inside -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send, held: HeldBody) -> None:
        has_body, has_answer = False, False
        ends_at = asyncio.get_running_loop().time() + _LONGEST_BODY_S

        async def counted() -> Message:
            nonlocal has_body
            if has_body:
                return await receive()
            try:
                async with asyncio.timeout_at(ends_at):
                    message = await receive()
            except TimeoutError:
                raise BodyTooSlow from None
            if message["type"] == "http.disconnect" and not has_answer:
                # Of a client that has left, or of one that waits to be told: its chunks cannot be read.
                raise BodyIncomplete
            has_body = message["type"] != "http.request" or not message.get("more_body", False)
            await held.add(len(message.get("body", b"")))
            return message

        async def noted(message: Message) -> None:
            nonlocal has_answer
            has_answer = True
            held.release()
            try:
                async with asyncio.timeout(settings.CHAT_READER_TIMEOUT_S * UNREAD_TIMES):
                    await send(message)
            except TimeoutError:
                raise NotRead from None

        try:
            await self._application({**scope, SCOPE_KEY: held}, counted, noted)
        except NotRead:
            # An answer that is left without its end closes the connection.
            log.info("answer was not read", extra={"path": scope["path"]})
        except (TooBusy, BodyTooSlow, BodyIncomplete) as error:
            if has_answer:
                raise
            await send_error(error, scope, send)
