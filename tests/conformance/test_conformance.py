"""The conformance suite of MCP, and what the page says of it."""

import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from agents.models import Developer
from tests.backend import Backend
from tests.conformance import suite
from tests.conformance.driver import Driver
from tests.demanded import leave_out

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PAGE = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text()
REVISIONS = ("2025-11-25", "2026-07-28")
_FIGURES = re.compile(r"^\| (?P<revision>[\d-]+) \| (?P<side>\w+) \| (?P<passed>\d+) of (?P<of>\d+) \|$", re.MULTILINE)
_LEFT_OUT = re.compile(
    r"^\| (?P<side>server|client) \| (?P<revisions>[\d, -]+) \| (?P<names>`.+`) \| .+ \|$", re.MULTILINE
)


@pytest.fixture(autouse=True, scope="module")
def installed() -> None:
    if not suite.is_installed():
        leave_out("the conformance suite of MCP is needed, which `.ci/clients` installs with npm")


@pytest.fixture(scope="module")
def fixture_process(
    installed: None, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """The platform's API process with the suite's tools in place of its own."""
    application = "tests.conformance.fixture.application:application"
    started = Backend(
        tmp_path_factory.mktemp("fixture"), {"ALLOWED_HOSTS": "localhost,127.0.0.1"}, application=application
    )
    started.start("api")
    yield started
    started.stop()


def told(side: suite.Side, revision: str) -> tuple[tuple[int, int], set[str]]:
    """What the page says: how many of how many passed, and which are left out."""
    [figures] = [row for row in _FIGURES.finditer(PAGE) if (row["revision"], row["side"]) == (revision, side)]
    rows = [row for row in _LEFT_OUT.finditer(PAGE) if row["side"] == side and revision in row["revisions"]]
    patterns = [name for row in rows for name in re.findall(r"`([^`]+)`", row["names"])]
    left_out = {name for name in suite.required(side, revision) for each in patterns if fnmatchcase(name, each)}
    return (int(figures["passed"]), int(figures["of"])), left_out


def check(side: suite.Side, revision: str, passed: dict[str, bool]) -> None:
    demanded = suite.required(side, revision)
    failed = {name for name in demanded if not passed.get(name)}
    figures, left_out = told(side, revision)
    assert failed == left_out
    assert figures == (len(demanded) - len(failed), len(demanded))


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_server(fixture_process: Backend, tmp_path: Path, revision: str) -> None:
    check("server", revision, suite.run("server", revision, tmp_path, "--url", f"{fixture_process.url}/mcp"))


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_client(developer: Developer, settings: Any, tmp_path: Path, revision: str) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1", "::1"]
    settings.PUBLIC_URL, settings.LINK_REQUESTS_PER_MINUTE = "https://agents.test", 0
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    command = Path(__file__).parent / "command.py"
    with Driver(developer) as driver:
        started = f"{sys.executable} -I -S {command} {driver.url}"
        check("client", revision, suite.run("client", revision, tmp_path, "--command", started))


def test_the_version_of_the_suite_is_told() -> None:
    assert f"`@modelcontextprotocol/conformance` {suite.version()}" in PAGE
