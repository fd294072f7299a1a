"""What the benchmark's own workers load: the product's Celery settings and three tasks to compare with."""

from julep_project.bench.peers.raw_celery import ANSWER, FETCH, NOOP
from julep_project.celery import app
from julep_project.core import http
from julep_project.core.http import OutgoingRequest


@app.task(name=NOOP)  # type: ignore[untyped-decorator]
def noop() -> None:
    """Nothing, and nobody asks for the result."""


@app.task(name=ANSWER, ignore_result=False)  # type: ignore[untyped-decorator]
def answer() -> bool:
    """Nothing, as the link of a chain or the body of a chord that somebody waits for."""
    return True


@app.task(name=FETCH, ignore_result=False)  # type: ignore[untyped-decorator]
def fetch(url: str) -> int:
    """The request that the `api_call` tool sends."""
    return http.send(OutgoingRequest("GET", url)).status
