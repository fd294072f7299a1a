"""Ends connections whose clients do not read: what the server in front holds for them goes with them.

It takes over whole answers, and some megabytes of a stream, before anybody has to wait; and it waits for ever.
"""

import asyncio
import os
import socket
from contextlib import suppress

_OPEN = "/proc/self/fd"
_LOOKS = 100
_BETWEEN_LOOKS_S = 0.1


async def end_unread(after_s: float) -> None:
    """Have the system end every connection to this process that does not take what is sent to it for so long.

    Who reads slowly is reading. Connections inherit this from the socket that listens, which the server in front opens
    a moment after it has heard that requests can be served. It is not known elsewhere than on Linux.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    for _ in range(_LOOKS):
        if _limit_listeners(int(after_s * 1000)):
            return
        await asyncio.sleep(_BETWEEN_LOOKS_S)


def _limit_listeners(unread_ms: int) -> bool:
    is_found = False
    for name in os.listdir(_OPEN):
        with suppress(OSError):
            if os.readlink(f"{_OPEN}/{name}").startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name))) as opened:
                    is_found |= _limit(opened, unread_ms)
    return is_found


def _limit(opened: socket.socket, unread_ms: int) -> bool:
    listens = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and opened.family != socket.AF_UNIX
    if listens:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unread_ms)
    return bool(listens)
