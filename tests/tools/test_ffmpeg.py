"""What may be asked of ffmpeg, how its process is bounded, and, where it is installed, what it makes."""

import base64
import json
import os
import shutil
import signal
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from agents.tools.errors import BadArguments, ToolError
from agents.tools.integrations.ffmpeg_command import read_command
from tests.tools.conftest import CallTool

FILE = base64.b64encode(b"any").decode()
Program = Callable[[str], None]
_BEGINS = """
import os, signal, sys, time
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
OUTPUT = sys.argv[-1].removeprefix("file:")
"""


@pytest.fixture
def program(settings: Any, tmp_path: Path) -> Program:
    """`program("python code")` stands in for ffmpeg; `OUTPUT` is where it writes."""

    def put(code: str) -> None:
        path = tmp_path / "ffmpeg"
        path.write_text(f"#!{sys.executable} -I\n{_BEGINS}{code}")
        path.chmod(0o755)
        settings.FFMPEG_PROGRAM = str(path)

    return put


class TestCommand:
    @pytest.mark.parametrize(
        ("cmd", "before", "after", "mime_type"),
        [
            ("ffmpeg -i in.mp4 out.webm", [[]], ["-f", "webm"], "video/webm"),
            ("-y -i a b.mp3", [["-y"]], ["-f", "mp3"], "audio/mpeg"),
            (
                "ffmpeg -ss 1 -i a -t 5 -c copy x.MP4",
                [["-ss", "1"]],
                ["-t", "5", "-c", "copy", "-f", "mp4"],
                "video/mp4",
            ),
            ("ffmpeg -i /etc/passwd -f wav -", [[]], ["-f", "wav"], "audio/wav"),
            (
                "ffmpeg -i a -i b -filter_complex '[0:v][1:v]hstack=inputs=2[v]' -map '[v]' o.mkv",
                [[], []],
                ["-filter_complex", "[0:v][1:v]hstack=inputs=2[v]", "-map", "[v]", "-f", "matroska"],
                "video/x-matroska",
            ),
            (
                "ffmpeg -loglevel debug -i a -metadata title='A: \"b\" /c' o.mp3",
                [[]],
                ["-metadata", 'title=A: "b" /c', "-f", "mp3"],
                "audio/mpeg",
            ),
        ],
    )
    def test_what_is_read(self, cmd: str, before: list[Any], after: list[str], mime_type: str) -> None:
        command = read_command(cmd)

        assert [list(options) for options in command.before] == before
        assert (list(command.after), command.mime_type) == (after, mime_type)

    @pytest.mark.parametrize(
        "graph",
        [
            "scale=iw/2:-2,format=yuv420p",
            "[0:v]trim=0:5,setpts=PTS-STARTPTS[a];[1:v]scale=w=320:h=240[b];[a][b]overlay=x=main_w/2:y=10[out]",
            r"drawtext=text='5\:00 now':x=(w-text_w)/2:fontsize=24",
            "fade=t=in:st=0:d=1, loudnorm=I=-16:TP=-1.5",
            " select='between(t,1,2)+between(t,5,6)' , setpts=N/FRAME_RATE/TB ",
        ],
    )
    def test_filters_that_may_be_used(self, graph: str) -> None:
        assert graph in read_command(f'ffmpeg -i a -vf "{graph}" o.mp4' if "\\" not in graph else _quoted(graph)).after

    @pytest.mark.parametrize(
        "graph",
        [
            "movie=/etc/passwd",
            "scale=1:1,movie=x",
            "[0:v]null[a];amovie=x[b]",
            "movie@a=x",
            "null,'mov'ie=x",
            r"null,m\ovie=x",
            "null=a='b,movie=x',movie=y",
            r"null=a=\,b,movie=y",
            "subtitles=/etc/passwd",
            "drawtext=textfile=/etc/passwd",
            "drawtext=text=a: textfile =x",
            r"drawtext=te\xtfile=/etc/passwd",
            "drawtext=te'xt'file=/etc/passwd",
            r"drawtext=text=a\:b:fontfile=/x",
            "drawtext=a:b:/etc/passwd",
            "curves=psfile=x",
            "firequalizer=dumpfile=/tmp/x",
            "scale=/w=/etc/passwd",
            "scale='/w=/etc/passwd'",
            "scale=1:/etc/passwd",
            "curves=plot=/tmp/x",
            "curves=master='0/0 1/1':plot=x",
            "paletteuse=debug_kdtree=/tmp/x",
            "paletteuse=none:2:none:0:128:../x",
            "selectivecolor=0:0:0:0:0:0:0:0:0:0:../x",
            "nullsrc[a'],null='];movie=filename=/etc/passwd[v]",
            r"nullsrc[a\],null=];movie=x",
            "[a[b]null",
            "lut3d=x",
            "sendcmd=f=x",
            "zmq",
            "ladspa=file=x",
            "sws_flags=lanczos;null",
            "null]null",
            "[a",
            "",
            ",".join(["null"] * 200),
        ],
    )
    def test_filters_that_may_not(self, graph: str) -> None:
        if graph:
            with pytest.raises(BadArguments):
                read_command(_quoted(graph))

    @pytest.mark.parametrize(
        "cmd",
        [
            "",
            "ffmpeg",
            "ffmpeg -i a",
            "ffmpeg -i a -c",
            "ffmpeg -i a 'o.mp4",
            "ffmpeg -i a o.mp4 p.mp4",
            "ffmpeg -i a o.m3u8",
            "ffmpeg -i a o",
            "ffmpeg -i a -f hls o.mp4",
            "ffmpeg -f lavfi -i movie=/etc/passwd o.mp4",
            "ffmpeg -f concat -i a o.mp4",
            "ffmpeg -protocol_whitelist file -i a o.mp4",
            "ffmpeg -i a -attach /etc/passwd o.mkv",
            "ffmpeg -i a -filter_script x o.mkv",
            "ffmpeg -i a -/vf x o.mkv",
            "ffmpeg -i a -progress http://127.0.0.1 o.mkv",
            "ffmpeg -i a -x264-params stats=x o.mkv",
            "ffmpeg -i a -vpre x o.mkv",
            "ffmpeg -i a -crf '1;x' o.mkv",
            "ffmpeg -i a -crf $(id) o.mkv",
            "ffmpeg -i a o.mp4 | sh",
            "ffmpeg -i a " + "-an " * 500 + "o.mp4",
            "x" * 9000,
            "ffmpeg -i a \x00 o.mp4",
            "ffmpeg " + "-i a " * 20 + "o.mp4",
        ],
    )
    def test_what_may_not_be_asked(self, cmd: str) -> None:
        with pytest.raises(BadArguments):
            read_command(cmd)


def _quoted(graph: str) -> str:
    return "ffmpeg -i a -vf '" + graph.replace("'", "'\\''") + "' o.mp4"


class TestProcess:
    def test_what_it_is_given(self, program: Program, call_provider: CallTool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET_KEY", "of the server")
        program(
            "import json\n"
            "at = int(sys.argv[sys.argv.index('-i') + 1].rpartition(':')[2])\n"
            "opened = [fd for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')]\n"
            "told = dict(env=sorted(os.environ), input=os.read(at, 99).decode(), here=os.getcwd())\n"
            "told |= dict(words=sys.argv[1:])\n"
            "open(OUTPUT, 'w').write(json.dumps(told))\n"
        )

        made = call_provider("ffmpeg", {"cmd": "ffmpeg -i x.mp4 -an o.mp3", "file": f"data:video/mp4;base64,{FILE}"})

        told = json.loads(base64.b64decode(made["fileoutput"]))
        assert (made["result"], made["mime_type"]) == (True, "audio/mpeg")
        assert told["input"] == "any" and set(told["env"]) <= {"PATH", "HOME", "LC_ALL", "LC_CTYPE"}
        words = told["words"]
        assert words[words.index("-protocol_whitelist") + 1] == "cache,pipe"
        assert not Path(told["here"]).exists()

    def test_what_it_says_of_the_input(self, program: Program, call_provider: CallTool) -> None:
        program("print('x' * 5000 + OUTPUT + ': invalid data\\0', file=sys.stderr)\nsys.exit(1)")

        made = call_provider("ffmpeg", {"cmd": "ffmpeg -i x o.mp3", "file": [FILE]})

        assert (made["result"], made["mime_type"]) == (False, None)
        assert made["fileoutput"].startswith("Error: xx") and made["fileoutput"].endswith("/output.mp3: invalid data")
        assert len(made["fileoutput"]) <= 2010 and "/tmp" not in made["fileoutput"]

    def test_time(self, program: Program, call_provider: CallTool, tmp_path: Path) -> None:
        """What it has started is ended too, though it holds on to the output."""
        child = tmp_path / "child"
        program(f"if os.fork() == 0:\n    open({str(child)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)")

        with pytest.raises(ToolError, match="not done within") as caught:
            call_provider("ffmpeg", {"cmd": "ffmpeg -i x o.mp3", "file": FILE}, timeout_s=1.5)
        assert not caught.value.retryable
        assert _is_gone(int(child.read_text()))

    @pytest.mark.parametrize(
        ("code", "told"),
        [
            ("open(OUTPUT, 'wb').write(bytes(10_000))", "more than 4096 bytes"),
            ("open(OUTPUT, 'wb').write(bytes(4_096))\nwhile True: pass", "CPU"),
        ],
    )
    def test_bounds(self, program: Program, settings: Any, call_provider: CallTool, code: str, told: str) -> None:
        settings.JULEP_HTTP_MAX_BYTES, settings.FFMPEG_CPU_SECONDS = 4096, 1
        program(f"time.sleep(0.2)\n{code}")

        with pytest.raises(ToolError, match=told):
            call_provider("ffmpeg", {"cmd": "ffmpeg -i x o.mp3", "file": FILE})

    def test_memory(self, program: Program, settings: Any, call_provider: CallTool) -> None:
        settings.FFMPEG_MEMORY_MB = 256
        program("time.sleep(0.2)\nbytearray(1 << 30)")

        made = call_provider("ffmpeg", {"cmd": "ffmpeg -i x o.mp3", "file": FILE})
        assert made["result"] is False and "MemoryError" in made["fileoutput"]

    def test_it_is_not_installed(self, settings: Any, call_provider: CallTool) -> None:
        settings.FFMPEG_PROGRAM = "none"

        with pytest.raises(ToolError, match="not installed .*FFMPEG_PROGRAM") as caught:
            call_provider("ffmpeg", {"cmd": "ffmpeg -i x o.mp3", "file": FILE})
        assert not caught.value.retryable

    @pytest.mark.parametrize(
        "arguments",
        [{"cmd": "ffmpeg -i x o.mp3", "file": "§"}, {"cmd": "ffmpeg -i x -i y o.mp3", "file": FILE}, {"file": FILE}],
    )
    def test_arguments(self, call_provider: CallTool, arguments: dict[str, Any]) -> None:
        with pytest.raises(BadArguments):
            call_provider("ffmpeg", arguments)


def _is_gone(pid: int) -> bool:
    """Whether a process has ended, or is about to: it has been told, and is nobody's child any more."""
    for _ in range(200):
        try:
            os.kill(pid, signal.SIG_DFL)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + b"\x80\x40\x20" * width for _ in range(height)))
    header = chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _wav(seconds: int) -> bytes:
    data = bytes(8000 * 2 * seconds)
    form = pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    return b"RIFF" + pack("<I", 36 + len(data)) + b"WAVE" + form + b"data" + pack("<I", len(data)) + data


if shutil.which("ffmpeg"):

    class TestInstalled:
        """With the real program, where there is one."""

        def _run(self, call_provider: CallTool, cmd: str, *files: bytes) -> dict[str, Any]:
            found: dict[str, Any] = call_provider(
                "ffmpeg", {"cmd": cmd, "file": [base64.b64encode(file).decode() for file in files]}
            )
            return found

        def test_a_video_from_a_picture_and_sound_and_back(self, call_provider: CallTool) -> None:
            cmd = "ffmpeg -loop 1 -t 1 -i a.png -i b.wav -shortest -pix_fmt yuv420p -c:v mpeg4 -c:a aac out.mp4"
            video = self._run(call_provider, cmd, _png(64, 48), _wav(1))
            assert (video["result"], video["mime_type"]) == (True, "video/mp4"), video
            content = base64.b64decode(video["fileoutput"])
            assert content[4:8] == b"ftyp"

            # Its index is at the end, so that it has to be read from there first.
            assert content.index(b"mdat") < content.index(b"moov")
            picture = self._run(call_provider, "ffmpeg -i in.mp4 -vf scale=32:-2 -frames:v 1 out.png", content)
            assert base64.b64decode(picture["fileoutput"])[16:24] == pack(">II", 32, 24)
            sound = self._run(call_provider, "ffmpeg -i in.mp4 -vn -af volume=0.5 out.wav", content)
            assert base64.b64decode(sound["fileoutput"])[:4] == b"RIFF"

        @pytest.mark.parametrize(
            "content",
            [
                b"no media",
                b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
                b"ffconcat version 1.0\nfile /etc/passwd\n",
                b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
            ],
        )
        def test_inputs_that_lead_elsewhere_are_not_followed(self, call_provider: CallTool, content: bytes) -> None:
            made = self._run(call_provider, "ffmpeg -i x out.mp4", content)

            assert made["result"] is False
            assert "nvalid data" in made["fileoutput"] or "whitelist" in made["fileoutput"], made
