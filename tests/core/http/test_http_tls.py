"""TLS of the outgoing client: the name of the URL is what must be proved, whatever address is dialled."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from julep_project.core import http
from julep_project.core.http import HttpClient, IncomingResponse, Limits, OutgoingRequest
from julep_project.core.http.addresses import AddressPolicy
from julep_project.devservices.loopback import Served
from tests.core.http.outgoing import read
from tests.loopback.certificate import write_certificate
from tests.loopback.web_server import WebServer

NAME = "api.example.test"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.headers["Host"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for `NAME`, signed by itself."""
    return write_certificate(tmp_path_factory.mktemp("tls") / "server.pem", NAME)


@contextmanager
def tls_server(certificate: Path, names: list[str | None]) -> Iterator[int]:
    """Serves HTTPS; `names` collects the server names that clients ask for. Gives the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    with Served(server) as served:
        yield served.port


def fetch(url: str, trusted: Path | None = None) -> IncomingResponse:
    """Every name leads to loopback; `trusted` is the only certificate believed, else the usual ones are."""
    context = ssl.create_default_context(cafile=str(trusted)) if trusted else None
    policy = AddressPolicy.parse(["127.0.0.1"])
    client = HttpClient(policy, resolver=lambda *_: ["127.0.0.1"], ssl_context=context)
    try:
        return client.send(OutgoingRequest("GET", url), Limits(timeout_s=5))
    finally:
        client.close()


def test_the_name_is_asked_for_and_verified_on_the_checked_address(certificate: Path) -> None:
    names: list[str | None] = []
    with tls_server(certificate, names) as port:
        answer = fetch(f"https://{NAME}:{port}/", certificate)

    assert answer.content == f"{NAME}:{port}".encode()
    assert names == [NAME]


@pytest.mark.parametrize(("host", "trusts"), [("other.example.test", True), ("127.0.0.1", True), (NAME, False)])
def test_a_certificate_that_proves_nothing_is_final(certificate: Path, host: str, trusts: bool) -> None:
    with tls_server(certificate, []) as port, pytest.raises(http.CertificateRefused) as caught:
        fetch(f"https://{host}:{port}/", certificate if trusts else None)

    assert not caught.value.retryable


def test_a_server_without_tls(web_server: WebServer) -> None:
    with pytest.raises(http.ConnectFailed):
        fetch(f"https://{NAME}:{web_server.port}/")


def test_streams_verify_it_too(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    here = {"resolver": lambda *_: ["127.0.0.1"], "ssl_context": trusting}
    with tls_server(certificate, []) as port:
        assert read(OutgoingRequest("GET", f"https://{NAME}:{port}/"), **here) == (200, f"{NAME}:{port}".encode())
        with pytest.raises(http.CertificateRefused):
            read(OutgoingRequest("GET", f"https://other.example.test:{port}/"), **here)
