"""The policies of every table, from what its model says of its `tenancy`.

A table has two: one lets the tenants' role at the rows of the developer that the transaction names, and one lets
members of the system's role at all rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from django.apps import apps
from django.db import models

from julep_project.core.tenancy import Own, Shared, Tenancy, Through

TENANT_ROLE = "julep_tenant"
SYSTEM_ROLE = "julep_system"
# Names the developer, for the length of a transaction.
DEVELOPER_SETTING = "julep.developer"
TENANT_POLICY = "tenant"
SYSTEM_POLICY = "system"

# Django's own tables and those of logins: staff pages only, of no tenant, and closed to the tenants' role.
_OF_STAFF = frozenset({"admin", "auth", "axes", "contenttypes", "sessions"})

# A setting that was made and is gone is an empty text for the rest of the connection.
_DEVELOPER = f"NULLIF(current_setting('{DEVELOPER_SETTING}', true), '')::uuid"


class NotDeclared(Exception):
    """A model says nothing of whose its rows are, or something that cannot be."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A table with policies, and which rows the tenants' role is let at."""

    table: str
    columns: frozenset[str]
    condition: str

    @property
    def digest(self) -> str:
        """Stands beside the policy, so that one of another condition is known. Postgres tells conditions in a spelling
        of its own."""
        return sha256(self.condition.encode()).hexdigest()[:16]


def guarded_tables() -> list[Guarded]:
    """Every table that needs policies, in the order of their names.

    Raises:
        NotDeclared
    """
    found = ((model, tenancy_of(model)) for model in _models())
    guarded = [_guarded(model, tenancy) for model, tenancy in found if not isinstance(tenancy, Shared)]
    return sorted(guarded, key=lambda one: one.table)


def shared_tables() -> list[str]:
    """Tables without policies that the tenants' role may use."""
    return sorted(model._meta.db_table for model in _models() if isinstance(tenancy_of(model), Shared))


def undeclared() -> list[str]:
    """What is wrong with the models, one line each."""
    wrong = []
    for model in _models():
        try:
            tenancy = tenancy_of(model)
            if not isinstance(tenancy, Shared):
                _guarded(model, tenancy)
        except NotDeclared as error:
            wrong.append(str(error))
    return wrong


def tenancy_of(model: type[models.Model]) -> Tenancy:
    """What a model says, or what its `developer_id` does.

    Raises:
        NotDeclared
    """
    said = getattr(model, "tenancy", None)
    if said is None and "developer_id" in _columns(model):
        return Own()
    if not isinstance(said, Own | Through | Shared):
        raise NotDeclared(f"{model._meta.label} has no `developer_id` and says nothing of its `tenancy`.")
    return said


def _models() -> Iterator[type[models.Model]]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy and model._meta.app_label not in _OF_STAFF:
            yield model


def _guarded(model: type[models.Model], tenancy: Tenancy) -> Guarded:
    assert not isinstance(tenancy, Shared)
    table, columns = model._meta.db_table, _columns(model)
    if tenancy.column not in columns:
        raise NotDeclared(f"{model._meta.label} is declared by its column {tenancy.column}, which it does not have.")
    if isinstance(tenancy, Own):
        return Guarded(table, frozenset(columns), f'"{tenancy.column}" = {_DEVELOPER}')
    parent = _parent(model, tenancy)
    # Of the rows of the other table the same role sees the same developer's, by the policy there.
    found = f'SELECT FROM "{parent._meta.db_table}" AS owner WHERE owner."{_key(parent)}"'
    return Guarded(table, frozenset(columns), f'EXISTS ({found} = "{table}"."{tenancy.column}")')


def _parent(model: type[models.Model], tenancy: Through) -> type[models.Model]:
    try:
        parent = apps.get_model(tenancy.model)
    except LookupError:
        raise NotDeclared(f"{model._meta.label} is declared through {tenancy.model}, which there is not.") from None
    if isinstance(tenancy_of(parent), Shared):
        raise NotDeclared(f"{model._meta.label} is declared through {tenancy.model}, whose rows are nobody's.")
    return parent


def _key(model: type[models.Model]) -> str:
    key = model._meta.pk
    assert key is not None and key.column is not None
    return key.column


def _columns(model: type[models.Model]) -> set[str]:
    return {field.column for field in model._meta.local_fields if field.column is not None}
