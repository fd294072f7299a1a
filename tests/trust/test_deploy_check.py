"""What the settings of an installation behind TLS make of Django's own checks, and of odd values."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import RequestFactory

from julep_project.core.api.peer import address_of, described
from tests.api_client import ApiClient

ROOT = Path(__file__).parents[2]
DOCUMENTED = {"PUBLIC_URL": "https://agents.example.com", "PROXY_COUNT": "1", "HSTS_SECONDS": "31536000"}


def check(home: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
    """`manage.py check --deploy` with the settings that `docs/operations.md` names."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "DATABASE_URL")}
    environ = {**kept, "JULEP_HOME": str(home), "SECRET_KEY": "k3" * 10 + "Zq_-" * 12, **DOCUMENTED, **changes}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


def test_the_documented_settings_leave_nothing_to_say(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in DOCUMENTED if f"{name}=" not in page] == []

    done = check(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


def test_without_them_it_warns(tmp_path: Path) -> None:
    done = check(tmp_path, PUBLIC_URL="", PROXY_COUNT="0", HSTS_SECONDS="0")

    assert done.returncode != 0
    assert "security.W012" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("PUBLIC_URL", "agents.example.com"), ("PUBLIC_URL", "https://a.example/path"), ("ALLOWED_HOSTS", "")],
)
def test_values_that_cannot_work_are_named(tmp_path: Path, name: str, value: str) -> None:
    done = check(tmp_path, **{name: value})

    assert done.returncode != 0
    assert f"InvalidSetting: {name}" in done.stderr


@pytest.mark.parametrize("password", ["short-1", "password1234", "123456789012"])
def test_passwords_of_staff_must_be_good(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


@pytest.mark.parametrize("path", ["/api/admin/login/", "/api/admin", "/api/static/admin/css/base.css"])
def test_the_prefix_of_the_api_leads_to_no_staff_page(api: ApiClient, path: str) -> None:
    assert api.get(path, headers={"Origin": "https://a.example"}).status_code == 404
    assert api.post(path, {}).status_code == 404


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "1.2.3.4", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, "9.9.9.9, 1.2.3.4", "1.2.3.4"),
        (2, "9.9.9.9, 1.2.3.4, 10.0.0.1", "1.2.3.4"),
        (2, "1.2.3.4", "1.2.3.4"),
        (1, "1.2.3.4:5555", "1.2.3.4"),
        (1, "[2001:db8::1]:5555", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "nonsense", "127.0.0.1"),
        (1, "'; drop table", "127.0.0.1"),
    ],
)
def test_the_address_of_a_client(settings: Any, proxies: int, forwarded: str, address: str) -> None:
    settings.PROXY_COUNT = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}

    assert address_of(RequestFactory().get("/", headers=headers)) == address


def test_a_name_cannot_make_lines_of_the_log() -> None:
    line = described("ann\n12:00:00 INFO all is well" + "x" * 500, "1.2.3.4", "agent", "/", None)

    assert "\n" not in line and len(line) < 120
