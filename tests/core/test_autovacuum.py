"""Postgres looks after the tables that every run and call writes to, before a good part of them is dead."""

import pytest
from django.db.models import Model

from agents.calls.models import Call, CallText
from agents.models import ModelUsage
from docs_store.models import DocEmbedding
from executions.models import Branch, Execution, LoopItem, Transition
from julep_project.core.database import fetch

HOT = (Execution, Branch, Transition, LoopItem, Call, CallText, ModelUsage, DocEmbedding)
_OPTIONS = """
    SELECT option_name, option_value::float FROM pg_class, pg_options_to_table(reloptions) WHERE oid = %s::regclass
"""


@pytest.mark.django_db
@pytest.mark.parametrize("model", HOT, ids=lambda model: model._meta.label)
def test_hot_tables_are_looked_after_early(model: type[Model]) -> None:
    options = dict(fetch(_OPTIONS, [model._meta.db_table]))

    def due_at(what: str, rows: int) -> float:
        """How many rows have to change for autovacuum to come."""
        return float(options[f"autovacuum_{what}_threshold"] + options[f"autovacuum_{what}_scale_factor"] * rows)

    assert due_at("vacuum", 10_000) <= 1500 and due_at("vacuum", 1_000_000) <= 25_000
    assert due_at("analyze", 10_000) <= 1500 and due_at("analyze", 1_000_000) <= 55_000
    assert options["autovacuum_vacuum_insert_scale_factor"] <= 0.05
    assert options["autovacuum_vacuum_cost_limit"] > 200  # the server's
