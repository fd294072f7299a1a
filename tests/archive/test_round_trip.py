"""What was exported is told elsewhere as it was told before."""

import gzip
import json
from typing import Any

import pytest
from django.core.management import call_command

from agents.access.models import ApiKey
from agents.audit.models import AuditRecord
from agents.vault.models import Secret
from julep_project.archive.tables import NAMED, TABLES
from tests.archive.conftest import Archived
from tests.isolation.requests import all_requests
from tests.isolation.tenants import SECRET, Tenant

pytestmark = pytest.mark.django_db(transaction=True)

# Made anew by a person, what stays with the installation, what fires in one place only, and what no tenant owns.
_NOT_TOLD = (
    "/secrets",
    "/api_keys",
    "/bulk",
    "/connect",
    "/events",
    "/hooks",
    "/schedules",
    "/webhooks",
    "{name}",
    "{kind}",
)


def told(archived: Archived) -> dict[str, Any]:
    """Every answer to every GET that names rows of the tenant, and to every list."""
    answers = {}
    tenant = archived.tenant
    for request in all_requests():
        is_told = request.name.startswith("GET ") and not any(each in request.name for each in _NOT_TOLD)
        if is_told and not request.is_extra:
            for ids in (tenant.ids, archived.ids):
                asked = request.filled(ids, ids, ())
                if (name := f"{asked.path} {asked.query}") not in answers:
                    answer = tenant.api.get(asked.path, asked.query)
                    answers[name] = (answer.status_code, _without_import(answer))
                    answer.close()
    return answers


def _without_import(answer: Any) -> Any:
    if answer.streaming:
        if answer.is_async:
            return "a stream"
        lines = b"".join(answer.streaming_content).splitlines()
        return [line for line in lines if json.loads(line).get("verb") != "import"]
    if answer.headers["Content-Type"] != "application/json":
        return answer.content
    shown = answer.json()
    if isinstance(shown, dict) and "docs" in shown:
        del shown["time"]
    if isinstance(shown, dict) and isinstance(shown.get("items"), list):
        shown["items"] = [one for one in shown["items"] if not isinstance(one, dict) or one.get("verb") != "import"]
    return shown


def rows(tenant: Tenant) -> dict[str, Any]:
    """All that is moved, as it is in the database."""
    owner = tenant.developer.pk
    found = {table.name: sorted(map(repr, table.values(owner))) for table in TABLES}
    log = AuditRecord.objects.filter(developer=owner).exclude(verb="import")
    return {**found, "audit_auditrecord": sorted(map(repr, log.values_list()))}


def test_every_answer_and_every_row_is_the_same(archived: Archived, elsewhere: Any, capsys: Any) -> None:
    answers, stored = told(archived), rows(archived.tenant)
    assert [name for name, found in stored.items() if not found] == []
    assert {status for status, _ in answers.values()} == {200}
    assert _is_in_it(archived) == []
    elsewhere()
    call_command("import_developer", str(archived.path))
    assert {name: answer for name, answer in told(archived).items() if answer != answers[name]} == {}
    assert rows(archived.tenant) == stored
    assert not any(model.objects.exists() for model in NAMED)
    output = capsys.readouterr().out
    assert "to be made anew: vault_secret" in output
    exported, imported = (AuditRecord.objects.get(verb=verb) for verb in ("export", "import"))
    assert (imported.actor_kind, imported.after["archive"]) == ("command", exported.after["archive"])  # type: ignore[index]


def _is_in_it(archived: Archived) -> list[bytes]:
    """What no archive may hold, if this one does."""
    secret, key = Secret.objects.filter(agent=None, name=SECRET["name"]).get(), ApiKey.objects.get()
    kept_back = [SECRET["value"].encode(), secret.sealed.encode(), bytes(key.digest), bytes(key.digest).hex().encode()]
    whole = gzip.decompress(archived.path.read_bytes())
    return [each for each in kept_back if each in whole]
