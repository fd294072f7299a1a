"""Whole tasks of the kinds people publish, run to the end against stand-ins for their model and their providers.

Each file is two YAML documents: the task, sent as the text it is, and what comes of it, in the words of the programs
next door (`test_flows.py`), with `mails` besides: parts that must stand in each mail that was sent, and `secrets` that
are there. Every address at `.example` leads to a server on loopback; `web` says what its paths answer.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.tools.integrations.providers import run_here
from tests.flow_runner import FlowRunner
from tests.flows.expectations import check_sent
from tests.flows.playing import play, script_web
from tests.loopback.devtools_server import DevToolsServer
from tests.loopback.smtp_server import SmtpServer
from tests.loopback.web_server import WebServer

_FOLDER = Path(__file__).parent
_FILES = sorted(_FOLDER.glob("*/*.yaml"))
_SITE = re.compile(r"https://[a-z.-]+\.example(?![a-z.])")


class _Outside:
    """Who answers instead of the internet."""

    def __init__(self, web: WebServer, mail: SmtpServer, browser: DevToolsServer) -> None:
        self.web, self.mail, self.browser = web, mail, browser

    def led_here(self, text: str) -> str:
        """The text with all addresses changed for those of the stand-ins."""
        text = text.replace("wss://connect.example/s1", self.browser.websocket_url)
        text = re.sub(r"host: smtp\.\S+\.example\n(\s+)port: \d+", rf"host: 127.0.0.1\n\1port: {self.mail.port}", text)
        return _SITE.sub(self.web.url, text)


@pytest.fixture
def outside(web_server: WebServer, settings: Any) -> Iterator[_Outside]:
    with ExitStack() as stack:
        mail, browser = stack.enter_context(SmtpServer()), stack.enter_context(DevToolsServer())
        settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
        settings.INTEGRATION_ADDRESSES = dict.fromkeys(run_here(), web_server.url) | {"remote_browser": browser.url}
        yield _Outside(web_server, mail, browser)


def _cases() -> Iterator[Any]:
    for file in _FILES:
        # A chat looks for its rows on a connection of its own.
        marks = [pytest.mark.django_db(transaction=True)] if "operation: chat" in file.read_text() else []
        yield pytest.param(file, id=f"{file.parent.name}: {file.stem}", marks=marks)


@pytest.mark.parametrize("file", list(_cases()))
def test_a_published_task(
    file: Path, flow: FlowRunner, outside: _Outside, keep_secret: Callable[[str, str], object]
) -> None:
    task, rest = outside.led_here(file.read_text()).split("\n---\n", maxsplit=1)
    told = yaml.safe_load(rest)
    expect = told["expect"]
    script_web(outside.web, told.get("web", {}))
    for name, value in told.get("secrets", {}).items():
        keep_secret(name, value)

    play({"task": task, **told}, flow)

    check_sent(outside.web.requests, expect)
    mails = expect.get("mails", [])
    assert len(outside.mail.messages) == len(mails)
    for message, parts in zip(outside.mail.messages, mails, strict=True):
        assert all(part in message for part in parts), message


def test_both_dialects_are_written() -> None:
    told = [list(yaml.safe_load_all(file.read_text()))[1] for file in _FILES]
    dialects = [each["expect"]["dialect"] for each in told]
    assert len(dialects) >= 25 and min(dialects.count("classic"), dialects.count("dollar")) >= 8
    assert all({"output", "error"} & each["expect"].keys() for each in told)
