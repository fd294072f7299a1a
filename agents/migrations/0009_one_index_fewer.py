"""Accounts are found by developer through the index that has their time too."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0008_accounts_of_runs")]

    operations = [
        migrations.AlterField(
            model_name="modelusage",
            name="developer",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.developer"
            ),
        ),
    ]
