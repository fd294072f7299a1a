"""The page about webhooks: its receiver works, and its types are those there are."""

import re
import threading
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest

from agents.models import Developer
from agents.webhooks.types import TEXTS, EventType
from tests.api_client import ApiClient
from tests.webhooks.conftest import Make
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import send_due, states

PAGE = (Path(__file__).parents[2] / "docs" / "triggers" / "webhooks.md").read_text()


@pytest.fixture
def shown() -> Iterator[Any]:
    """The receiver of the page, listening; `handled` are the events it took."""
    code = re.search(r"<!-- receiver -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    scope: dict[str, Any] = {}
    exec(code[1], scope)
    handler = scope["Receiver"]
    handler.handled = []
    handler.take = lambda self, event: self.handled.append(event)
    handler.log_message = lambda *args: None
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}/told"
    yield handler
    server.shutdown()
    server.server_close()


def test_the_receiver_takes_what_is_signed_once(
    api: ApiClient, developer: Developer, webhook: Make, receiver: Receiver, shown: Any
) -> None:
    made = webhook("*", url=shown.url)
    shown.secret = made["secret"]
    sent = api.post(f"/webhooks/{made['id']}/test")
    assert sent.status_code == 202
    send_due()
    assert states() == ["delivered"]
    path = f"/webhooks/{made['id']}/deliveries/{sent.json()['id']}"
    assert api.post(f"{path}/replay").status_code == 202
    send_due()
    assert [event["type"] for event in shown.handled] == ["webhook.test"]
    shown.secret = webhook("*")["secret"]
    assert api.post(f"{path}/replay").status_code == 202
    send_due()
    assert api.get(path).json()["error"] == "the receiver answered 401"


def test_the_types_are_those_there_are(api: ApiClient) -> None:
    table = re.search(r"<!-- event types -->\n\| type \| when \|\n\|---\|---\|\n(.*?)<!-- end -->", PAGE, re.DOTALL)
    assert table is not None
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*) \|$", table[1], re.MULTILINE))
    assert rows == {each.value: text for each, text in TEXTS.items()}
    assert rows.keys() == {each.value for each in EventType}
    told = api.get("/webhooks/event_types").json()["items"]
    assert told == [{"type": name, "description": text} for name, text in rows.items()]
