"""Responses go to an app of their own, which takes over their table as it is."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("chat_sessions", "0009_leased_rows")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("StoredResponse")]),
    ]
