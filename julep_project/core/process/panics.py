"""What libraries written in other languages raise past every `except Exception`: a panic in Rust is a `BaseException`.

Unhandled, it would end the thread, the message or the process it meets.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from julep_project.core.process.cancellation import STOPS


class Panic(RuntimeError):
    """A library failed in a way it should not; the cause is what it raised."""


@contextmanager
def contained() -> Iterator[None]:
    """Orders to end and errors pass, anything else becomes an error.

    Raises:
        Panic
    """
    try:
        yield
    except (Exception, *STOPS):
        raise
    except BaseException as panic:
        raise Panic(f"{type(panic).__name__}: {panic}"[:500]) from panic
