"""Which filters of ffmpeg a call may use. Many others open files, devices, connections or libraries.

A graph is taken apart exactly as ffmpeg does it, so that nothing hides behind quotes or backslashes.
"""

import re

from agents.tools.errors import BadArguments

# None of these has an option that names a file, but for those in `_NAMED_ONLY`.
_ALLOWED = frozenset(
    """
    acompressor acopy acrossfade adelay aecho aeval aevalsrc afade afftdn aformat agate alimiter allpass aloop
    alphaextract alphamerge amerge amix anlmdn anull anullsrc apad aphaser apulsator areverse asetnsamples asetpts
    asetrate asettb ashowinfo asidedata aspectralstats asplit astats atempo atrim avgblur avectorscope bandpass
    bandreject bass biquad blackdetect blackframe blend boxblur bwdif channelmap channelsplit chorus chromahold
    chromakey chromashift color colorbalance colorchannelmixer colorcontrast colorhold colorize colorkey colorlevels
    colorspace colortemperature compand concat convolution copy crop cropdetect crossfeed crystalizer curves datascope
    dblur deband deblock decimate deesser deflate deflicker dejudder delogo deshake despill detelecine dilation
    displace drawbox drawgrid drawtext dynaudnorm earwax edgedetect elbg entropy epx eq equalizer erosion exposure
    extractplanes fade fftdnoiz fftfilt field fieldmatch fieldorder fillborders firequalizer flanger floodfill format
    fps framepack framerate framestep freezedetect gblur geq gradfun gradients haas haldclutsrc hflip highpass
    highshelf histeq histogram hqdn3d hqx hstack hue huesaturation hwdownload hysteresis idet inflate interlace
    join kerndeint lagfun lenscorrection limiter loop loudnorm lowpass lowshelf lumakey lut lut2 lutrgb lutyuv
    maskedmerge median mergeplanes minterpolate mix mixdown monochrome negate nlmeans noformat noise normalize null
    nullsrc overlay owdenoise pad palettegen paletteuse pan perms perspective phase photosensitivity pixdesctest
    pixscope pp pseudocolor rgbashift rgbtestsrc replaygain resample reverse rotate sab scale select aselect
    selectivecolor separatefields setdar setfield setparams setpts setrange setsar settb sharpness shear
    showcqt showfreqs showhistogram showinfo showpalette showspatial showspectrum showspectrumpic showvolume showwaves
    showwavespic shuffleframes shuffleplanes sidechaincompress sidechaingate signalstats silencedetect silenceremove
    sine smartblur smptebars smptehdbars sobel split stereo3d stereotools stereowiden super2xsai superequalizer
    surround swaprect swapuv tblend telecine testsrc testsrc2 threshold thumbnail tile tinterlace tonemap tpad
    transpose treble tremolo trim unpremultiply unsharp untile v360 vaguedenoiser vflip vfrdet vibrance vibrato vignette
    volume volumedetect vstack w3fdif waveform weave xbr xfade xstack yadif zoompan
    """.split()
)
# Filters with options that name a file, in an order that has changed between releases: theirs must be named.
_NAMED_ONLY = frozenset("curves deshake drawtext firequalizer loudnorm paletteuse selectivecolor showcqt".split())
# Of options that name a file, those that do not say so.
_FILES = frozenset({"plot", "debug_kdtree"})
# ffmpeg reads quotes and backslashes in labels, too, and takes for one what looks like filters; no label needs them.
_LABEL = re.compile(r"\[[^\]\[\\']*\]")
_KEY = re.compile(r"[ \t\n\r]*([A-Za-z0-9_./-]+)[ \t\n\r]*=")
_BLANKS = " \t\n\r"
_MOST_FILTERS = 100


def check_graph(graph: str) -> None:
    """Refuse a graph with a filter, or an option of one, that may reach beyond the streams of the call.

    Raises:
        BadArguments
    """
    at, count = 0, 0
    while (at := _skip_labels(graph, at)) < len(graph):
        name, at = _token(graph, at, "=,;[")
        options = ""
        if graph[at : at + 1] == "=":
            options, at = _token(graph, at + 1, "[],;")
        _check_filter(name.partition("@")[0], options)
        count += 1
        at = _skip_labels(graph, at)
        if count > _MOST_FILTERS or (at < len(graph) and graph[at] not in ",;"):
            raise BadArguments("the graph of filters cannot be read, or has too many filters")
        at += 1


def _check_filter(name: str, options: str) -> None:
    if name not in _ALLOWED:
        raise BadArguments(f"the filter {name[:40]!r} cannot be used here")
    at = 0
    while at < len(options):
        found = _KEY.match(options, at)
        key = found[1] if found else None
        value, at = _token(options, found.end() if found else at, ":")
        at += 1
        # Newer releases read the value of `/name=path` from that file.
        if key is None and (value.startswith("/") or name in _NAMED_ONLY):
            raise BadArguments(f"options of the filter {name} must be named, like `x=10`")
        if key is not None and ("file" in key or "/" in key or key in _FILES):
            raise BadArguments(f"the option {key[:40]} of the filter {name} cannot be used here")


def _skip_labels(graph: str, at: int) -> int:
    """Past blanks and `[names]` of streams."""
    while True:
        while at < len(graph) and graph[at] in _BLANKS:
            at += 1
        if graph[at : at + 1] != "[":
            return at
        label = _LABEL.match(graph, at)
        if label is None:
            raise BadArguments("a `[` in the graph of filters is not closed, or begins a name that cannot be used here")
        at = label.end()


def _token(text: str, at: int, ends: str) -> tuple[str, int]:
    """What stands before one of the characters `ends`, unquoted, and where that one is."""
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    found = []
    while at < len(text) and text[at] not in ends:
        if text[at] == "\\" and at + 1 < len(text):
            found.append(text[at + 1])
            at += 2
        elif text[at] == "'":
            end = text.find("'", at + 1)
            end = len(text) if end < 0 else end
            found.append(text[at + 1 : end])
            at = end + 1
        else:
            found.append(text[at])
            at += 1
    return "".join(found).rstrip(_BLANKS), at
