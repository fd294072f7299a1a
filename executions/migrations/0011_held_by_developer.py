import django.db.models.fields.json
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0010_held_up_branches")]

    operations = [
        AddIndexConcurrently(
            model_name="branch",
            index=models.Index(
                django.db.models.fields.json.KeyTextTransform("developer", "held_up"),
                condition=models.Q(("held_up__developer__isnull", False)),
                name="branch_held_by_developer",
            ),
        ),
    ]
