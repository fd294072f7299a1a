"""A private installation in a temporary folder, with leases short enough for crashes to be noticed soon."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from julep_project.devservices.home import Home
from julep_project.devservices.private import private_installation

_SETTINGS = {
    "API_WORKERS": "1",
    "ENGINE_PROCESSES": "2",
    "IO_THREADS": "16",
    "DRAIN_SECONDS": "5",
    "LEASE_SECONDS": "3",
    "SWEEP_SECONDS": "1",
    "RING_AGAIN_SECONDS": "1",
    # Crashes count as attempts, and here they are no fault of the program.
    "MAX_ATTEMPTS": "1000",
}


@contextmanager
def temporary_installation(environment: Mapping[str, str]) -> Iterator[Home]:
    """Started with these variables, ready, and stopped at the end of the block with all it wrote.

    Raises:
        ServiceError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="julep-chaos-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # Postgres may run as another user, who has to find its way in
        home = Home(Path(folder) / "home")
        with private_installation(home, {**_SETTINGS, **environment}):
            yield home
