"""An S3 service on this machine: moto's, with a test between it and whoever asks."""

from collections.abc import Callable, Iterable
from typing import Any, Self

import httpx
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from julep_project.devservices.loopback import Served

WsgiApplication = Callable[[dict[str, Any], Any], Iterable[bytes]]

BUCKET = "contents"


class S3Server(Served):
    """Holds one empty bucket between `start` and `stop`, or inside a `with` block. Its state belongs to the process.

    `interpose` puts a WSGI application of the test before the service: it gets the real one as its first argument and
    may fail, wait, or change the answer. `interpose(None)` takes it away.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._real: WsgiApplication = DomainDispatcherApplication(create_backend_app)
        self._before: Callable[[WsgiApplication, dict[str, Any], Any], Iterable[bytes]] | None = None
        server = make_server(host, 0, self._serve, threaded=True, request_handler=MotoRequestHandler)
        server.daemon_threads = True
        super().__init__(server)
        self.url = f"http://{host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to keep its contents here."""
        return {
            "FILES_S3_BUCKET": BUCKET,
            "FILES_S3_ENDPOINT_URL": self.url,
            "FILES_S3_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "loopback",
            "AWS_SECRET_ACCESS_KEY": "loopback",
        }

    def interpose(self, before: Callable[[WsgiApplication, dict[str, Any], Any], Iterable[bytes]] | None) -> None:
        """Let `before(real, environ, start_response)` answer from now."""
        self._before = before

    def start(self) -> Self:
        """Begin to serve, with the bucket made and nothing in it."""
        super().start()
        httpx.post(f"{self.url}/moto-api/reset", timeout=60).raise_for_status()
        httpx.put(f"{self.url}/{BUCKET}", timeout=60).raise_for_status()
        return self

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if self._before is None:
            return self._real(environ, start_response)
        return self._before(self._real, environ, start_response)
