"""A process that reads one file and does nothing else: `python -m docs_store.extraction.reader ORDER`.

The file is its standard input. It says on its standard output what it reads, part by part. Whatever the file makes of
the libraries that read it, it does so with little memory and processor time, without files, network and processes of
its own, and without anything in its environment.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

from docs_store.extraction import messages
from docs_store.extraction.chunking import Chunker
from docs_store.extraction.errors import problem_of, too_large
from docs_store.extraction.limits import CHUNK_CHARACTERS, CHUNKS_PER_MESSAGE, MOST_TEXT
from docs_store.extraction.messages import Order
from docs_store.extraction.parts import Part, Source

_FILES_OPEN = 64
# What nothing that reads a file needs. `open` is dealt with by a limit on what may be written.
_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "shutil.",
    "urllib.",
    "ftplib.",
    "smtplib.",
)
_TIMER = signal.ITIMER_PROF


def main() -> None:
    """Read the file of the order and tell of it."""
    order = Order.of_text(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sink = os.fdopen(os.dup(1), "wb")
    # What a library prints must not pass for a message.
    os.dup2(2, 1)
    confine(order)
    for message in told(sys.stdin.buffer, order, begin=partial(_allow, order.cpu_seconds)):
        sink.write(messages.to_line(message))
        sink.flush()


def confine(order: Order) -> None:
    """Take from this process what it does not need. The kernel ends it when it takes too long over a part."""
    size = order.memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES_OPEN, _FILES_OPEN))
    signal.signal(messages.TIMER_SIGNAL, signal.SIG_DFL)
    _allow(order.cpu_seconds)
    sys.addaudithook(_refuse)


def told(content: BinaryIO, order: Order, begin: Callable[[], None] = lambda: None) -> Iterator[dict[str, Any]]:
    """The messages about a file; the last one is `ended` or `failed`. `begin` is called before each part."""
    try:
        yield from _told(content, order, begin)
    except Exception as error:
        problem = problem_of("The file", error)
        yield messages.failed(problem.code, problem.message)


def _told(content: BinaryIO, order: Order, begin: Callable[[], None]) -> Iterator[dict[str, Any]]:
    # Imported under the limits: libraries are what they are for.
    from docs_store.extraction.detection import parts_of

    content.seek(0)
    parts = parts_of(Source(content, order.suffix, order.mime_type))
    yield messages.opened(parts.count)
    chunker = Chunker(order.chunk_characters, overlap=order.overlap_characters)
    at_once = max(1, CHUNKS_PER_MESSAGE * CHUNK_CHARACTERS // max(CHUNK_CHARACTERS, order.chunk_characters))
    number = -1
    for number, part in enumerate(parts.each):
        if number >= order.start:
            yield messages.beginning(number, part.page)
            yield from _read(number, part, chunker, at_once)
        elif not parts.is_direct and number not in order.avoid:
            # It was told of before. What follows may stand under its headings.
            list(_read(number, part, chunker, at_once))
        begin()
    yield messages.ended(number + 1)


def _read(number: int, part: Part, chunker: Chunker, at_once: int) -> Iterator[dict[str, Any]]:
    try:
        blocks = part.read()
        if sum(len(block.text) for block in blocks) > MOST_TEXT:
            raise too_large("It holds too much text")
        cuts = [cut.to_json() for cut in chunker.cut(blocks, page=part.page, heading=part.heading)]
    except Exception as error:
        problem = problem_of("It", error)
        yield messages.broken(number, part.page, problem.code, problem.message)
        return
    while len(cuts) > at_once:
        yield messages.some(number, part.page, cuts[:at_once])
        del cuts[:at_once]
    yield messages.read(number, part.page, cuts)


def _allow(cpu_seconds: int) -> None:
    signal.setitimer(_TIMER, cpu_seconds)


def _refuse(event: str, _: Any) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"{event} is not for reading a file")


if __name__ == "__main__":
    main()
