"""A server that is a program on this machine: one process for one call, gone with its group when that ends."""

import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio.abc import ByteReceiveStream, Process
from django.conf import settings
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

from agents.tools.errors import Delivery, ToolError
from agents.tools.mcp.wire import Line
from julep_project.core.http import TooLarge

# All it gets of the environment: the keys of this installation are in there.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
_LAST_MOMENT_S = 0.5


@asynccontextmanager
async def program(name: str, line: Line) -> AsyncIterator[tuple[Any, Any]]:
    """Streams of messages from and to the program of this name.

    Raises:
        ToolError: the operator lists none of that name, or it cannot be started.
    """
    process = await _start(name)
    to_us, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    answers, from_us = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as tasks, to_us, messages, answers, from_us:
            tasks.start_soon(_read, process, to_us, line)
            tasks.start_soon(_write, process, from_us)
            yield messages, answers
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)


async def _start(name: str) -> Process:
    command = settings.MCP_COMMANDS.get(name)
    if command is None:
        raise ToolError(f"the operator lists no command {name!r} (setting MCP_COMMANDS)", delivery=Delivery.NOT_SENT)
    passed_on = {variable: os.environ[variable] for variable in _PASSED_ON if variable in os.environ}
    try:
        return await anyio.open_process(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
            env=passed_on,
            start_new_session=True,
        )
    except OSError as error:
        message = f"the command {name!r} cannot be started: {error.strerror}"
        raise ToolError(message, repeatable=True, delivery=Delivery.NOT_SENT) from error


async def _read(process: Process, to_us: Any, line: Line) -> None:
    """Messages are lines. One that is none is passed over: some programs greet."""
    assert process.stdout is not None
    async with to_us:
        with suppress(TooLarge, anyio.ClosedResourceError, anyio.BrokenResourceError):
            async for text in _lines(process.stdout, line):
                with suppress(ValidationError):
                    await to_us.send(SessionMessage(jsonrpc_message_adapter.validate_json(text, by_name=False)))


async def _lines(stdout: ByteReceiveStream, line: Line) -> AsyncIterator[bytes]:
    begun = bytearray()
    async for piece in stdout:
        line.count(piece)
        *whole, rest = piece.split(b"\n")
        for text in whole:
            yield bytes(begun) + text
            begun.clear()
        begun += rest


async def _write(process: Process, from_us: Any) -> None:
    assert process.stdin is not None
    with suppress(OSError, anyio.ClosedResourceError, anyio.BrokenResourceError):
        async for message in from_us:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            await process.stdin.send(text.encode() + b"\n")


async def _end(process: Process) -> None:
    """End the program: it is let go for a moment, then its group is killed; whoever has begun a session is in none."""
    assert process.stdin is not None and process.stdout is not None
    with suppress(OSError, anyio.ClosedResourceError, anyio.BrokenResourceError):
        await process.stdin.aclose()
    with anyio.move_on_after(_LAST_MOMENT_S):
        await process.wait()
    # The group has the number of its first process as long as one of it is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with anyio.move_on_after(_LAST_MOMENT_S):
        await process.wait()
    with suppress(OSError, anyio.ClosedResourceError, anyio.BrokenResourceError):
        await process.stdout.aclose()
    # A pipe that somebody outside the group holds open stays open here, and nothing public closes it.
    transport = getattr(getattr(process, "_process", None), "_transport", None)
    if transport is not None:
        with suppress(PermissionError):
            transport.close()
        await anyio.sleep(0)
