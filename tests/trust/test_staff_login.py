"""The staff pages of two running API processes behind a proxy with TLS."""

import re
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User

from tests.backend import Backend
from tests.trust.conftest import NAME, tls_proxy

ORIGIN = f"https://{NAME}"
LIMIT = 5


@pytest.fixture(scope="module")
def processes(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Backend]]:
    """Two API processes, told of their proxy."""
    environment = {"PUBLIC_URL": ORIGIN, "PROXY_COUNT": "1", "HSTS_SECONDS": "3600", "DB_POOL": "1"}
    started = [Backend(tmp_path_factory.mktemp(f"api{number}"), environment) for number in range(2)]
    threads = [threading.Thread(target=process.start, args=("api",)) for process in started]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield started
    for process in started:
        process.stop()


class Browser:
    """Keeps cookies, and sends what a browser sends. `forged`: whom it claims to speak for."""

    def __init__(self, certificate: Path, port: int, *, forged: str = "") -> None:
        context = ssl.create_default_context(cafile=str(certificate))
        self._client = httpx.Client(
            base_url=f"https://127.0.0.1:{port}",
            verify=context,
            headers={"Host": NAME, **({"X-Forwarded-For": forged} if forged else {})},
            trust_env=False,
            timeout=60,
        )

    def send(self, method: str, path: str, *, origin: str = ORIGIN, **options: Any) -> httpx.Response:
        """One request; redirects are not followed. The certificate is the one of the name."""
        headers = {"Origin": origin, "Referer": f"{origin}{path}"} if method == "POST" else {}
        return self._client.request(method, path, headers=headers, extensions={"sni_hostname": NAME}, **options)

    def log_in(self, name: str, password: str, *, origin: str = ORIGIN) -> httpx.Response:
        """Fill in the form of the login page."""
        page = self.send("GET", "/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None, page.text
        cookies = "; ".join(f"{key}={value}" for key, value in page.cookies.items())
        form = {"csrfmiddlewaretoken": token[1], "username": name, "password": password, "next": "/admin/"}
        self._client.headers["Cookie"] = cookies
        return self.send("POST", "/admin/login/?next=/admin/", origin=origin, data=form)


@pytest.fixture
def staff(transactional_db: None) -> User:
    """Somebody who may log in."""
    return User.objects.create_superuser("ann", password="right-password")


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    return {cookie.partition("=")[0]: cookie for cookie in answer.headers.get_list("set-cookie")}


def test_a_login_through_the_proxy(processes: list[Backend], staff: User, certificate: Path) -> None:
    with tls_proxy(certificate, processes[0].port) as port:
        browser = Browser(certificate, port)
        page = browser.send("GET", "/admin/login/")
        answer = browser.log_in("ann", "right-password")
        refused = Browser(certificate, port).log_in("ann", "right-password", origin="https://evil.example")

    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Strict-Transport-Security"] == "max-age=3600"
    assert "Secure" in cookies_of(page)["csrftoken"]
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/"), answer.text
    session = cookies_of(answer)["sessionid"]
    assert "Secure" in session and "HttpOnly" in session and "SameSite=Lax" in session
    assert refused.status_code == 403


def test_without_tls_there_is_only_the_way_to_it(processes: list[Backend]) -> None:
    url = f"http://127.0.0.1:{processes[0].port}"
    with httpx.Client(base_url=url, trust_env=False) as client:
        page = client.get("/admin/login/", headers={"Host": NAME})
        by_address = client.get("/admin/agents/?a=1")
        forged = client.get("/admin/login/", headers=[("Host", NAME), ("X-Forwarded-Proto", "http")])
        api = client.get("/livez")
        stranger = client.get("/agents", headers={"Host": "other.example"})

    assert (page.status_code, page.headers["Location"]) == (301, f"{ORIGIN}/admin/login/")
    # By a name and port where nobody speaks TLS.
    assert (by_address.status_code, by_address.headers["Location"]) == (301, f"{ORIGIN}/admin/agents/?a=1")
    assert forged.status_code == 301
    assert api.status_code == 200
    assert stranger.status_code == 400


def test_failures_lock_out_that_client_only_on_every_process(
    processes: list[Backend], staff: User, certificate: Path
) -> None:
    with tls_proxy(certificate, processes[0].port) as first, tls_proxy(certificate, processes[1].port) as second:
        failures = [
            Browser(certificate, (first, second)[number % 2], forged=f"198.51.100.{number}").log_in("ann", "wrong")
            for number in range(LIMIT)
        ]
        again = [Browser(certificate, port).log_in("ann", "right-password") for port in (first, second)]
        other_name = Browser(certificate, first).log_in("bob", "wrong")
        with tls_proxy(certificate, processes[0].port, client="203.0.113.99") as elsewhere:
            from_elsewhere = Browser(certificate, elsewhere).log_in("ann", "right-password")

    assert [answer.status_code for answer in failures] == [*[200] * (LIMIT - 1), 429]
    assert [answer.status_code for answer in again] == [429, 429]
    assert other_name.status_code == 200
    assert from_elsewhere.status_code == 302
    logs = processes[0].log("api") + processes[1].log("api")
    assert "Locking out 'ann' from 203.0.113.7 after repeated login failures" in logs
    assert "right-password" not in logs
