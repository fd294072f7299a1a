"""Values of secrets, for the one call that needs them. Nothing of them is kept here."""

import re
from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Lower

from agents.models import Developer
from agents.vault.models import Secret
from agents.vault.sealed_columns import place_of
from agents.vault.sealing import Sealed, open_sealed
from julep_project.core.reading.fields import CANONICAL_NAME, LONGEST_NAME


def values_of(developer: Developer, names: Iterable[str], agent_id: UUID | None = None) -> dict[str, str]:
    """The values of the secrets with these names, under the names as they were asked for, without those that there are
    not. Of the same name, the agent's own secret comes before the developer's.

    One query, and one decryption for each.

    Raises:
        SecretsNotConfigured, SecretNotReadable: from `agents.vault.errors`.
    """
    asked = {name: name.lower() for name in names if is_secret_name(name)}
    if not asked:
        return {}
    owner = Q(agent=None) | Q(agent=agent_id) if agent_id else Q(agent=None)
    rows = Secret.objects.for_developer(developer).filter(owner).annotate(folded=Lower("name"))
    found: dict[str, Secret] = {}
    for row in rows.filter(folded__in=set(asked.values())):
        if row.agent_id is not None or row.folded not in found:
            found[row.folded] = row
    opened = {folded: open_row(row) for folded, row in found.items()}
    return {name: opened[folded] for name, folded in asked.items() if folded in opened}


def existing_names(developer: Developer, names: Iterable[str], agent_id: UUID | None = None) -> set[str]:
    """Which of the names there are secrets of. One query, and nothing is opened; none without names."""
    asked = {name: name.lower() for name in names if is_secret_name(name)}
    if not asked:
        return set()
    owner = Q(agent=None) | Q(agent=agent_id) if agent_id else Q(agent=None)
    rows = Secret.objects.for_developer(developer).filter(owner).annotate(folded=Lower("name"))
    found = set(rows.filter(folded__in=set(asked.values())).values_list("folded", flat=True))
    return {name for name, folded in asked.items() if folded in found}


def is_secret_name(name: str) -> bool:
    """A secret can have this name."""
    return len(name) <= LONGEST_NAME and re.fullmatch(CANONICAL_NAME, name, re.ASCII) is not None


def open_row(row: Secret) -> str:
    """The value of a row.

    Raises:
        SecretsNotConfigured, SecretNotReadable
    """
    return open_sealed(Sealed(row.sealed, row.sealed_with), place_of(row))
