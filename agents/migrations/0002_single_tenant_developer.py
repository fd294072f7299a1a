"""The developer every request acts for in single-tenant mode, with the project `default`."""

import uuid
from typing import Any

from django.db import migrations

from julep_project.core.ids import uuid7

NIL = uuid.UUID(int=0)


def seed(apps: Any, schema_editor: Any) -> None:
    """Create what is missing; running it again changes nothing."""
    developer, _ = apps.get_model("agents", "Developer").objects.get_or_create(id=NIL, defaults={"tags": ["paid"]})
    apps.get_model("agents", "Project").objects.get_or_create(
        developer=developer, canonical_name="default", defaults={"id": uuid7(), "name": "default"}
    )


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_agents_and_tools")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
