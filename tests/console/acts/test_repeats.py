"""A form that is sent twice, since its answer was loaded anew or got lost, does once what it asks for."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import Client

from agents.audit.models import AuditRecord
from agents.webhooks.models import Delivery, Endpoint
from executions.hooks.models import Hook, HookCall
from tests.console.acts.test_permissions import ACTS, address, quick_doctor
from tests.console.conftest import once
from tests.flow_runner import FlowRunner

__all__ = ["quick_doctor"]

# What would do more the second time, in an order in which each can be done, with what its form says.
ONCE: dict[str, dict[str, Any]] = {
    "console_schedule_run": {},
    "console_webhook_test": {},
    "console_webhook_replay": {"state": "failed"},
    "console_delivery_replay": {},
    "console_webhook_rotate": {},
    "console_hook_call_replay": {},
    "console_hook_rotate": {},
    "console_hook_rotate_secret": {},
    "console_key_new": {"label": "ci", "scope": "read", "length": "90d"},
    "console_wait_link": {},
    "console_run_retry_begin": {"from": "start"},
    "console_run_fork_begin": {"from": "start", "name": ["", ""]},
}
REPEATABLE = {
    "console_answer": "goes with a digest of what was asked, and a wait has one answer",
    "console_bulk_abort": "what is ended stays so",
    "console_bulk_begin": "its form has a key of its own",
    "console_compare_choose": "changes nothing",
    "console_connection_revoke": "what is revoked stays so",
    "console_documents_retry": "what failed is tried again, which is what it says",
    "console_drain": "a worker is drained once",
    "console_errors_mark": "sets a mark",
    "console_hook_pause": "sets a state",
    "console_hook_resume": "sets a state",
    "console_key_revoke": "what is revoked stays so",
    "console_lift": "what is lifted stays so",
    "console_pause": "what is paused cannot be paused again",
    "console_ring": "wakes whoever is due, which changes nothing",
    "console_run_cancel": "what is cancelled stays so",
    "console_schedule_pause": "sets a state",
    "console_schedule_resume": "sets a state",
    "console_server_accept": "goes with the hash of what was looked at",
    "console_server_refresh": "reads",
    "console_task_begin": "its form has the id of the run",
    "console_wait_unlink": "what is taken back stays so",
    "console_webhook_disable": "sets a state",
    "console_webhook_enable": "sets a state",
}


def test_every_act_is_one_of_them() -> None:
    assert set(ACTS) == {*ONCE, *REPEATABLE}, "count a new act by its form (`do_once`), or say why it may be repeated"


def test_what_is_sent_twice_is_done_once(
    staff: Callable[[str], Client], waiting: dict[str, Any], flow: FlowRunner, settings: Any
) -> None:
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    Hook.objects.update(scheme="github", mapping={"name": "order.paid"})
    client, wrong = staff("administrator"), {}
    for name, form in ONCE.items():
        if name == "console_run_retry_begin":
            flow.cancel(waiting["id"])
        path, sent, done = address(name, waiting), once(**form), []
        for _ in range(2):
            Delivery.objects.update(state="failed")
            before = _rows()
            told = client.post(path, sent, follow=True).content.decode()
            done.append((_rows() > before, "was sent before" in told))
        if done != [(True, False), (False, True)]:
            wrong[name] = done
    assert wrong == {}


def _rows() -> int:
    return AuditRecord.objects.count() + HookCall.objects.count()


def test_a_form_without_a_number_does_nothing(staff: Callable[[str], Client], waiting: dict[str, Any]) -> None:
    client = staff("administrator")
    before = AuditRecord.objects.count()
    for name, form in ONCE.items():
        assert client.post(address(name, waiting), form).status_code in (200, 302), name
    assert AuditRecord.objects.count() == before
    assert not Endpoint.objects.exclude(previous_until=None).exists()


@pytest.mark.parametrize(
    ("page", "acts"),
    [
        ("console_schedule", ["run"]),
        ("console_webhook", ["test", "replay", "rotate"]),
        ("console_delivery", ["replay"]),
        ("console_run_fork", ["begin"]),
        ("console_run_retry", ["begin"]),
    ],
)
def test_forms_have_numbers(
    staff: Callable[[str], Client], waiting: dict[str, Any], flow: FlowRunner, page: str, acts: list[str]
) -> None:
    flow.cancel(waiting["id"])
    Delivery.objects.update(state="failed")
    text = staff("administrator").get(address(page, waiting)).content.decode()
    for act in acts:
        form = text.partition(f'action="{address(f"{page}_{act}", waiting)}"')[2].partition("</form>")[0]
        assert 'name="number"' in form, act
