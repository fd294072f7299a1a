"""What staff do on their pages."""

from typing import Any

from django.db.models import Model

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer

# Rows that are not called what their model is.
_KINDS = {
    "auth.user": ObjectKind.STAFF_USER,
    "auth.group": ObjectKind.STAFF_GROUP,
    "access.apikey": ObjectKind.API_KEY,
    "spending.spendinglimit": ObjectKind.LIMIT,
    "rates.tenantrates": ObjectKind.RATES,
}


def record_staff_act(verb: str, row: Model, before: Any = None, after: Any = None) -> None:
    """Write what the current actor did to a row of any model that has a page to change it."""
    kind = _KINDS.get(row._meta.label_lower) or ObjectKind(str(row._meta.model_name))
    developer_id = row.pk if isinstance(row, Developer) else getattr(row, "developer_id", None)
    record(developer_id, Act(Verb(verb), kind, row.pk, str(row), before, after))
