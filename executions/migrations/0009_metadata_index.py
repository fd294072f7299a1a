"""Indexes for filters on metadata, built while rows are written."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


def _index(model: str) -> AddIndexConcurrently:
    index = GinIndex(fields=["metadata"], name=f"{model}_metadata", opclasses=["jsonb_path_ops"])
    return AddIndexConcurrently(model_name=model, index=index)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0008_blob_contents")]

    operations = [
        _index("execution"),
    ]
