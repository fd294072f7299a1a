"""Values of secrets by name."""

from typing import Any
from uuid import UUID

import pytest

from agents.models import Agent, Developer, Project
from agents.vault.errors import SecretNotReadable
from agents.vault.models import Secret
from agents.vault.sealing import Place, seal
from agents.vault.values import values_of
from julep_project.core.ids import uuid7

pytestmark = pytest.mark.usefixtures("master_key")


def keep(developer: Developer, name: str, value: str, agent_id: UUID | None = None) -> Secret:
    """Store a secret."""
    row_id = uuid7()
    sealed = seal(value, Place(developer.pk, agent_id, row_id))
    fields = {"sealed": sealed.text, "sealed_with": sealed.fingerprint}
    return Secret.objects.create(id=row_id, developer=developer, agent_id=agent_id, name=name, **fields)


def an_agent(developer: Developer) -> Agent:
    project, _ = Project.objects.get_or_create(developer=developer, name="default", canonical_name="default")
    return Agent.objects.create(developer=developer, project=project, name="Ada", canonical_name=f"a{uuid7().hex}")


def test_values_come_under_the_names_that_were_asked_for(developer: Developer, stranger: Developer) -> None:
    keep(developer, "Tide", "one")
    keep(developer, "OTHER", "two")
    keep(stranger, "TIDE", "three")
    keep(stranger, "FOREIGN", "four")
    asked = ["TIDE", "tide", "OTHER", "FOREIGN", "MISSING", "not a name", "\x00", "İ", "TIDE\n", "x" * 10_000]
    assert values_of(developer, asked) == {"TIDE": "one", "tide": "one", "OTHER": "two"}
    assert values_of(stranger, ["tide"]) == {"tide": "three"}


def test_the_secret_of_the_agent_comes_first(developer: Developer) -> None:
    ada, eve = an_agent(developer), an_agent(developer)
    keep(developer, "KEY", "of all")
    keep(developer, "SHARED", "shared")
    keep(developer, "key", "of Ada", ada.pk)
    keep(developer, "EVES", "of Eve", eve.pk)
    names = ["KEY", "SHARED", "EVES"]
    assert values_of(developer, names) == {"KEY": "of all", "SHARED": "shared"}
    assert values_of(developer, names, ada.pk) == {"KEY": "of Ada", "SHARED": "shared"}
    assert values_of(developer, names, eve.pk) == {"KEY": "of all", "SHARED": "shared", "EVES": "of Eve"}


def test_an_agent_of_another_developer_lends_nothing(developer: Developer, stranger: Developer) -> None:
    agent = an_agent(stranger)
    keep(stranger, "KEY", "v", agent.pk)
    assert values_of(developer, ["KEY"], agent.pk) == {}


def test_one_query_for_all(developer: Developer, django_assert_num_queries: Any) -> None:
    for number in range(20):
        keep(developer, f"K{number}", str(number))
    with django_assert_num_queries(1):
        assert len(values_of(developer, [f"K{number}" for number in range(20)])) == 20
    with django_assert_num_queries(0):
        assert values_of(developer, ["no name"]) == {}


@pytest.mark.parametrize("column", ["developer", "agent", "sealed"])
def test_a_row_that_was_swapped_in_the_database_does_not_open(
    developer: Developer, stranger: Developer, column: str
) -> None:
    """Whoever can write to the database cannot make one tenant's key another's."""
    own, foreign = keep(developer, "MINE", "mine"), keep(stranger, "KEY", "theirs")
    if column == "developer":
        Secret.objects.filter(pk=foreign.pk).update(developer=developer)
    elif column == "sealed":
        Secret.objects.filter(pk=own.pk).update(sealed=foreign.sealed, name="KEY")
    else:
        own = keep(developer, "KEY", "of Ada", an_agent(developer).pk)
        Secret.objects.filter(pk=own.pk).update(agent=None)
    with pytest.raises(SecretNotReadable, match="sealed for another row"):
        values_of(developer, ["KEY"])
