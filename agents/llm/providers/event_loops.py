"""One pool of connections per event loop, behind one async HTTP client for the whole process."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import httpx

Factory = Callable[[], httpx.AsyncBaseTransport]


class PerLoopTransport(httpx.AsyncBaseTransport):
    """Hands each request to the transport of the loop it runs on, which is closed when that loop ends.

    Connections belong to the loop they were opened on, while the client that uses them lives as long as the process.
    """

    def __init__(self, make: Factory) -> None:
        self._make = make
        self._transports: dict[asyncio.AbstractEventLoop, httpx.AsyncBaseTransport] = {}
        self._keepers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request over the running loop's connections."""
        loop = asyncio.get_running_loop()
        transport = self._transports.get(loop)
        if transport is None:
            transport = self._transports[loop] = self._make()
            keeper = self._keepers[loop] = self._open_until_the_end(loop, transport)
            await anext(keeper)
        return await transport.handle_async_request(request)

    async def _open_until_the_end(
        self, loop: asyncio.AbstractEventLoop, transport: httpx.AsyncBaseTransport
    ) -> AsyncGenerator[None]:
        """A loop that ends closes the generators begun on it: its only hook for things like this."""
        try:
            yield
        finally:
            self._transports.pop(loop, None)
            self._keepers.pop(loop, None)
            await transport.aclose()
