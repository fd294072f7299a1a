"""Does what workers do, in this process."""

from agents.webhooks import delivering
from agents.webhooks.models import Delivery
from julep_project.core.clock import TransactionNow
from tests.work.clock import pass_time


def send_due() -> None:
    """Send all that is due, until nothing is."""
    while (due := Delivery.objects.filter(state="pending", due_at__lte=TransactionNow()).first()) is not None:
        delivering.deliver(due.pk)


def send_later(seconds: float) -> None:
    """The same when so much time has passed."""
    pass_time(Delivery, seconds)
    send_due()


def states() -> list[str]:
    """Of all deliveries, in the order of their messages."""
    return list(Delivery.objects.order_by("message_id", "id").values_list("state", flat=True))
