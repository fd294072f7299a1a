"""Many who tell and many who send at once: nothing is lost, stuck, or out of order."""

from collections import defaultdict
from functools import partial
from uuid import UUID

import pytest
from django.db import connection, transaction

from agents.models import Developer
from agents.webhooks import delivering
from agents.webhooks.models import Delivery
from agents.webhooks.recording import record
from agents.webhooks.types import EventType
from julep_project.core.database import execute
from tests.outages import administrator
from tests.together import together
from tests.webhooks.conftest import Make
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import send_due

pytestmark = pytest.mark.django_db(transaction=True)

SUBJECTS, MESSAGES = 3, 5


def test_nothing_is_lost_stuck_or_out_of_order(developer: Developer, webhook: Make, receiver: Receiver) -> None:
    webhook("job.*")
    webhook("job.failed")

    def tell(subject: int) -> None:
        for _ in range(MESSAGES):
            record(developer.pk, EventType.JOB_FAILED, UUID(int=subject), {"id": str(subject)})

    def send() -> None:
        for _ in range(MESSAGES):
            row = Delivery.objects.filter(state="pending").order_by("?").first()
            if row is not None:
                delivering.deliver(row.pk)

    tellers = [partial(tell, subject) for subject in range(SUBJECTS)] * 2
    together(*tellers, *[send] * 4)
    send_due()
    rows = Delivery.objects.all()
    assert {row.state for row in rows} == {"delivered"}
    assert len(rows) == 2 * 2 * SUBJECTS * MESSAGES
    numbers = {row.message.reference: row.message_id for row in rows.select_related("message")}
    arrived = defaultdict(list)
    for body in receiver.bodies:
        arrived[body["data"]["id"]].append(numbers[body["id"]])
    for subject in arrived.values():
        # Each of two endpoints was told in order, here mixed: the first time a message came, all before it had come.
        firsts = list(dict.fromkeys(subject))
        assert firsts == sorted(firsts)
        assert len(subject) == 2 * len(firsts)


def test_what_happens_while_an_endpoint_is_removed_is_committed(developer: Developer, webhook: Make) -> None:
    webhook("job.*")
    with administrator(connection.settings_dict["NAME"]) as server, server.transaction():
        server.execute("DELETE FROM webhooks_endpoint")
        with transaction.atomic():
            execute("SET LOCAL lock_timeout = '300ms'")
            record(developer.pk, EventType.JOB_FAILED, UUID(int=1), {})
    assert not Delivery.objects.exists()
