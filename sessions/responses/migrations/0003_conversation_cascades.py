"""Deleting a conversation takes its items along in one statement."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database


class Migration(migrations.Migration):
    dependencies = [("responses", "0002_conversations")]

    operations = [cascade_in_database(["responses_conversationitem"], ["responses_conversation"])]
