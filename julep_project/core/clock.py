"""Time. Rows carry milliseconds in UTC; leases and timers use the database's clock only."""

from datetime import UTC, datetime

from django.db.models import DateTimeField, Func


class DatabaseNow(Func):
    """The database's clock at the start of the transaction, cut to milliseconds.

    As a `db_default` of two columns it gives both the same value, so a new row has `updated_at == created_at`.
    """

    template = "date_trunc('milliseconds', now())"
    output_field = DateTimeField()


class TransactionNow(Func):
    """`now()` of SQL: what leases and timers are compared with, in the ORM as in statements written by hand. Django's
    `Now` is the start of the statement, so that a row could be due later than the moment it was released."""

    template = "now()"
    output_field = DateTimeField()


def now() -> datetime:
    """This machine's clock in UTC, cut to milliseconds."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_wire(moment: datetime) -> str:
    """`2026-01-31T12:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
