"""Nothing that belongs to a developer is forgotten."""

from typing import Any

from django.apps import apps
from django.db.models import ForeignKey

from agents.models import Developer
from docs_store.models import EmbeddingModel
from julep_project.archive.tables import LEFT_OUT, NAMED, OF_MODEL, TABLES, WITH_CONTENTS

OURS = ("julep_project", "agents", "docs_store", "sessions", "tasks", "executions")
MODELS = [model for model in apps.get_models() if model._meta.managed and model.__module__.split(".")[0] in OURS]


def test_every_model_is_in_archives_or_said_to_be_left_out() -> None:
    """A new model needs a line in `julep_project/archive/tables.py`."""
    known = [*OF_MODEL, *NAMED, *WITH_CONTENTS, *LEFT_OUT]
    assert len(known) == len(set(known))
    assert {model.__name__ for model in MODELS} == {model.__name__ for model in known}
    assert all(LEFT_OUT.values())


def test_rows_come_after_those_they_name() -> None:
    for number, table in enumerate(TABLES, 1):
        before = {one.model for one in TABLES[:number]}
        assert {each.related_model for each in table.references} <= before


def test_each_leads_to_its_developer() -> None:
    for table in TABLES:
        model: Any = table.model
        for name in table.owner.split("__"):
            model = Developer if name == "pk" else model._meta.get_field(name).related_model
        assert model is Developer


def test_what_names_rows_is_known() -> None:
    """It is looked at whose they are; only what belongs to no developer needs no look."""
    named = {each.related_model for table in TABLES for each in table.fields if isinstance(each, ForeignKey)}
    assert named - OF_MODEL.keys() == {EmbeddingModel}
