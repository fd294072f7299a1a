"""Pictures, sound and video, changed by the ffmpeg of this machine."""

import os
import re
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from agents.tool_types import Effect
from agents.tools.errors import BadArguments, ToolError
from agents.tools.integrations.ffmpeg_command import READ_FORMATS, Command, read_command
from agents.tools.integrations.files import decoded, encoded
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.program import Bounds, Finished, find_program, run_program

# Said of every input whose format is found out by looking at its end.
_NOISE = re.compile(r"^\[cache @|^ *Last message repeated|^$")
_MEGABYTE = 1024 * 1024
_TOO_LARGE = -signal.SIGXFSZ
_OUT_OF_TIME = frozenset({-signal.SIGXCPU, -signal.SIGKILL})
# Inputs come over open files, read anew where a format has to jump; no name of a file or host is ever opened.
_OF_INPUTS = ("-protocol_whitelist", "cache,pipe", "-format_whitelist", READ_FORMATS, "-read_ahead_limit", "-1")


def bash_cmd(call: IntegrationCall) -> dict[str, Any]:
    """`{fileoutput, result, mime_type}`: the output as base64; or `result: false` and what ffmpeg said of the input."""
    command = read_command(call.arguments["cmd"])
    files = call.arguments.get("file") or []
    contents = [decoded(file) for file in ([files] if isinstance(files, str) else files)]
    if len(command.before) > len(contents):
        raise BadArguments(f"`cmd` has {len(command.before)} inputs, and there are {len(contents)} files")
    program = find_program(settings.FFMPEG_PROGRAM)
    if program is None:
        raise ToolError("ffmpeg is not installed on this server (setting FFMPEG_PROGRAM)")
    with tempfile.TemporaryDirectory(prefix="ffmpeg-") as folder, _opened(Path(folder), contents) as opened:
        output = Path(folder) / f"output.{command.ending}"
        words = [program, *_words(command, opened), f"file:{output}"]
        finished = run_program(words, Path(folder), _bounds(call, contents), pass_fds=opened)
        return _result(command, finished, output)


@contextmanager
def _opened(folder: Path, contents: Sequence[bytes]) -> Iterator[list[int]]:
    """The inputs as open files."""
    with ExitStack() as stack:
        opened = []
        for index, content in enumerate(contents):
            path = folder / f"input-{index}"
            path.write_bytes(content)
            opened.append(os.open(path, os.O_RDONLY))
            stack.callback(os.close, opened[-1])
        yield opened


def _words(command: Command, opened: Sequence[int]) -> list[str]:
    words = [
        "-hide_banner",
        "-nostdin",
        "-y",
        "-loglevel",
        "error",
        "-filter_threads",
        "2",
        "-filter_complex_threads",
        "2",
    ]
    for number, before in zip(opened, command.before, strict=False):
        words += [*before, "-threads", "2", *_OF_INPUTS, "-i", f"cache:pipe:{number}"]
    return [*words, *command.after, "-threads", "2"]


def _bounds(call: IntegrationCall, contents: Sequence[bytes]) -> Bounds:
    return Bounds(
        seconds=call.seconds_left(),
        cpu_seconds=settings.FFMPEG_CPU_SECONDS,
        memory_bytes=settings.FFMPEG_MEMORY_MB * _MEGABYTE,
        file_bytes=max(settings.JULEP_HTTP_MAX_BYTES, *map(len, contents), 0),
    )


def _result(command: Command, finished: Finished, output: Path) -> dict[str, Any]:
    most = settings.JULEP_HTTP_MAX_BYTES
    if finished.code == _TOO_LARGE or (output.exists() and output.stat().st_size > most):
        raise ToolError(f"the output has more than {most} bytes (setting JULEP_HTTP_MAX_BYTES)")
    if finished.code in _OUT_OF_TIME:
        most_s = settings.FFMPEG_CPU_SECONDS
        raise ToolError(f"ffmpeg was ended: it took more than {most_s} s of CPU (setting FFMPEG_CPU_SECONDS)")
    if finished.code != 0 or not output.exists():
        told = finished.told.replace(str(output.parent), "")
        why = "\n".join(line for line in told.splitlines() if not _NOISE.search(line)).strip()
        why = why or f"ffmpeg ended with {finished.code}"
        return {"fileoutput": f"Error: {why}", "result": False, "mime_type": None}
    return {"fileoutput": encoded(output.read_bytes()), "result": True, "mime_type": command.mime_type}


METHODS = (
    Method(
        provider="ffmpeg",
        name="bash_cmd",
        effect=Effect.READS,
        description="Change pictures, sound or video with ffmpeg.",
        run=bash_cmd,
        arguments=schema(
            "cmd",
            cmd=text("The command, such as `ffmpeg -i input.mp4 -vf scale=640:-1 output.webm`"),
            file={
                "anyOf": [
                    text("The file as base64"),
                    {"type": "array", "items": text("A file as base64"), "description": "One for each `-i`"},
                ]
            },
        ),
    ),
)
