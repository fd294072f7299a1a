"""What a call may ask of ffmpeg: options that work on the streams of its own files, and nothing that opens others."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from agents.tools.errors import BadArguments
from agents.tools.integrations.ffmpeg_filters import check_graph

_LONGEST_COMMAND = 8192
_MOST_WORDS = 400
_MOST_INPUTS = 16
_FLAGS = frozenset(
    "y n an vn sn dn shortest copyts bitexact autorotate noautorotate hide_banner nostdin nostats".split()
)
_GRAPHS = frozenset({"vf", "af", "filter", "filter_complex", "lavfi"})
_IGNORED = frozenset({"loglevel", "v", "threads"})
# Their values are numbers, names and expressions; none is opened.
_VALUES = frozenset(
    """
    c codec vcodec acodec scodec b ab q qscale aq map map_metadata map_chapters ss sseof t to fs r s aspect ar ac
    pix_fmt sample_fmt channel_layout vframes aframes frames crf cq preset tune profile level g keyint_min sc_threshold
    bf refs maxrate minrate bufsize movflags vsync fps_mode async itsoffset itsscale stream_loop loop strict disposition
    tag vtag atag compression_level lossless quality vbr application cutoff framerate video_size sample_rate
    max_muxing_queue_size avoid_negative_ts bsf id3v2_version write_xing update pred final_delay deadline cpu-used
    row-mt auto-alt-ref ch_layout frame_duration packet_loss fflags metadata
    """.split()
)
_VALUE = re.compile(r"[\w.:+\-*/,=%()<>?\[\] ]*")
# The ending of the output, with the format that writes it and what it is.
_FORMATS = {
    "mp4": ("mp4", "video/mp4"), "m4v": ("mp4", "video/mp4"), "mov": ("mov", "video/quicktime"),
    "mkv": ("matroska", "video/x-matroska"), "webm": ("webm", "video/webm"), "avi": ("avi", "video/x-msvideo"),
    "flv": ("flv", "video/x-flv"), "ts": ("mpegts", "video/mp2t"), "mpg": ("mpeg", "video/mpeg"),
    "mpeg": ("mpeg", "video/mpeg"), "3gp": ("3gp", "video/3gpp"), "wmv": ("asf", "video/x-ms-wmv"),
    "mp3": ("mp3", "audio/mpeg"), "wav": ("wav", "audio/wav"), "flac": ("flac", "audio/flac"),
    "ogg": ("ogg", "audio/ogg"), "oga": ("ogg", "audio/ogg"), "ogv": ("ogg", "video/ogg"),
    "opus": ("opus", "audio/ogg"), "m4a": ("ipod", "audio/mp4"), "aac": ("adts", "audio/aac"),
    "ac3": ("ac3", "audio/ac3"), "aiff": ("aiff", "audio/aiff"), "wma": ("asf", "audio/x-ms-wma"),
    "gif": ("gif", "image/gif"), "apng": ("apng", "image/apng"), "png": ("image2", "image/png"),
    "jpg": ("image2", "image/jpeg"), "jpeg": ("image2", "image/jpeg"), "bmp": ("image2", "image/bmp"),
    "tiff": ("image2", "image/tiff"), "webp": ("webp", "image/webp"), "srt": ("srt", "application/x-subrip"),
    "vtt": ("webvtt", "text/vtt"), "ass": ("ass", "text/x-ssa"), "pcm": ("s16le", "application/octet-stream"),
}  # fmt: skip
_RAW = frozenset({"rawvideo", "image2pipe", "s16le", "s16be", "s24le", "s32le", "f32le", "u8", "alaw", "mulaw", "h264"})
_NAMED_FORMATS = frozenset({name for name, _ in _FORMATS.values()}) | _RAW
# Formats of inputs: none that refers to further files, as playlists do.
READ_FORMATS = (
    "mov,matroska,avi,flv,live_flv,mpegts,mpeg,mpegvideo,m4v,asf,ogg,mp3,wav,w64,flac,aac,ac3,eac3,aiff,amr,au,caf,ivf,"
    "h264,hevc,mjpeg,gif,apng,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,image2pipe,srt,webvtt,ass,rawvideo,"
    "s16le,s16be,s24le,s32le,f32le,u8,alaw,mulaw,dv,wv,ape,tta"
)


@dataclass(frozen=True, slots=True)
class Command:
    """Words to start ffmpeg with: `before[k]` go before the input `k`, `after` before the output."""

    before: tuple[tuple[str, ...], ...]
    after: tuple[str, ...]
    ending: str
    mime_type: str


def read_command(text: str) -> Command:
    """Read `ffmpeg -i input.mp4 -vf scale=640:-1 output.webm`. Names of files say their order and ending, no more.

    Raises:
        BadArguments: it asks for more than may be had here.
    """
    words = _words(text)
    if not words or _is_option(words[-1]):
        raise BadArguments("`cmd` must end with the name of the output, such as `output.mp4`")
    output, before, now = words.pop(), [], list[str]()
    rest = iter(words)
    for word in rest:
        if not _is_option(word):
            raise BadArguments(f"{word[:40]!r} is no option, and there is one output")
        name = word[1:].partition(":")[0]
        if name in _FLAGS:
            now.append(word)
            continue
        value = next(rest, None)
        if value is None:
            raise BadArguments(f"the option {word[:40]} has no value")
        if name == "i":
            before.append(tuple(now))
            now = []
        elif name not in _IGNORED:
            now += _checked(word, name, value)
    if len(before) > _MOST_INPUTS:
        raise BadArguments(f"`cmd` has more than {_MOST_INPUTS} inputs")
    ending = _ending(output, now)
    if "-f" not in now:
        now += ["-f", _FORMATS[ending][0]]
    return Command(tuple(before), tuple(now), ending, _FORMATS[ending][1])


def _words(text: str) -> list[str]:
    if len(text) > _LONGEST_COMMAND or "\x00" in text:
        raise BadArguments(f"`cmd` has more than {_LONGEST_COMMAND} characters, or one that no command has")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadArguments(f"`cmd` cannot be read: {error}") from error
    if len(words) > _MOST_WORDS:
        raise BadArguments(f"`cmd` has more than {_MOST_WORDS} words")
    return words[1:] if words[:1] == ["ffmpeg"] else words


def _is_option(word: str) -> bool:
    return len(word) > 1 and word.startswith("-")


def _checked(word: str, name: str, value: str) -> list[str]:
    if name in _GRAPHS:
        check_graph(value)
    elif name == "f":
        if value not in _NAMED_FORMATS:
            raise BadArguments(f"the format {value[:40]!r} cannot be used here")
    elif name not in _VALUES:
        raise BadArguments(f"the option {word[:40]} cannot be used here")
    elif name != "metadata" and not _VALUE.fullmatch(value):
        raise BadArguments(f"the option {word[:40]} has a value that it cannot have")
    return [word, value]


def _ending(output: str, options: Sequence[str]) -> str:
    """The ending of the output's name; of a name without one, what the format is called."""
    ending = output.rpartition(".")[2].lower()
    if ending not in _FORMATS and "-f" in options:
        wanted = options[len(options) - 1 - options[::-1].index("-f") + 1]
        ending = next((ours for ours, (theirs, _) in _FORMATS.items() if theirs == wanted), "")
    if ending not in _FORMATS:
        raise BadArguments(f"the output must end in one of: {', '.join(_FORMATS)}")
    return ending
