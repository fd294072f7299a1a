"""Deleting a session takes what belongs to it along in one statement; deleting an agent or user, its part in it."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database

TABLES = [
    "chat_sessions_sessionagent",
    "chat_sessions_sessionuser",
    "chat_sessions_turn",
    "chat_sessions_entry",
    "chat_sessions_job",
]
TARGETS = ["chat_sessions_session", "chat_sessions_turn", "chat_sessions_entry", "agents_agent", "agents_user"]


class Migration(migrations.Migration):
    dependencies = [("chat_sessions", "0001_sessions"), ("agents", "0004_users")]

    operations = [cascade_in_database(TABLES, TARGETS)]
