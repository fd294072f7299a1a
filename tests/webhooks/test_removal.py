"""What is removed of webhooks: what is old, what tells of an erased user, and what the vault has lost."""

from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from agents.models import Developer
from agents.retention.erasure import erase_user
from agents.retention.removal import count_due, retain_developer
from agents.vault import rotation
from agents.vault.checks import count_by_key
from agents.webhooks.models import Delivery, Endpoint, Message
from agents.webhooks.recording import record
from agents.webhooks.types import EventType
from julep_project.core.database import execute
from tests.api_client import ApiClient
from tests.flow_runner import FlowRunner
from tests.webhooks.conftest import Make
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import send_due, states

LIGHT = {"main": [{"evaluate": {"a": "$ 1"}}]}


def test_what_is_old_goes_with_its_deliveries(developer: Developer, webhook: Make) -> None:
    webhook("*")
    record(developer.pk, EventType.JOB_FAILED, UUID(int=1), {})
    record(developer.pk, EventType.JOB_FAILED, UUID(int=2), {})
    execute("UPDATE webhooks_message SET created_at = created_at - interval '31 days' WHERE number % 2 = 0")
    assert count_due(developer)["webhooks"] == 1
    assert retain_developer(developer)["webhooks"] == 1
    assert (Message.objects.count(), Delivery.objects.count(), Endpoint.objects.count()) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_what_tells_of_a_user_goes_with_the_user(flow: FlowRunner, webhook: Make) -> None:
    webhook("execution.*")
    task = flow.create(LIGHT).json()["id"]
    user = flow.api.post("/users", {"name": "Ada"}).json()["id"]
    flow.start(task, {}, {"user_id": user})
    other = flow.start(task, {}, {"user_id": "another"})["id"]
    [job] = flow.api.post(f"/users/{user}/erase").json()["jobs"]
    erase_user(job)
    assert flow.api.get(f"/jobs/{job}").json()["report"]["webhook messages"] == 2
    assert {str(row.subject_id) for row in Message.objects.filter(type__startswith="execution.")} == {other}


def test_another_master_key_reaches_both_secrets(
    api: ApiClient, developer: Developer, webhook: Make, receiver: Receiver, settings: Any
) -> None:
    made, old = webhook("*"), settings.SECRETS_MASTER_KEY
    new_secret = api.post(f"/webhooks/{made['id']}/rotate_secret", {}).json()["secret"]
    settings.SECRETS_MASTER_KEY = f"{Fernet.generate_key().decode()},{old}"
    assert sum(count_by_key().values()) == 2
    assert (rotation.rotate().sealed, rotation.rotate().left) == (2, 0)
    settings.SECRETS_MASTER_KEY = settings.SECRETS_MASTER_KEY.partition(",")[0]
    record(developer.pk, EventType.JOB_FAILED, UUID(int=1), {})
    send_due()
    assert receiver.verified(made["secret"]) == receiver.verified(new_secret) != []


def test_a_secret_that_is_lost_is_told_and_made_anew(
    api: ApiClient, developer: Developer, webhook: Make, receiver: Receiver, settings: Any
) -> None:
    path = f"/webhooks/{webhook('*')['id']}"
    lost = Endpoint.objects.get().sealed_with
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    rotation.delete_lost(lost)
    assert count_by_key() == {}
    record(developer.pk, EventType.JOB_FAILED, UUID(int=1), {})
    send_due()
    (shown,) = api.get(f"{path}/deliveries").json()["items"]
    assert (shown["state"], shown["error"]) == ("pending", "the secret of the webhook is lost: rotate it")
    assert receiver.requests == []
    api.post(f"{path}/rotate_secret", {})
    execute("UPDATE webhooks_delivery SET due_at = now()")
    send_due()
    assert states() == ["delivered"]
