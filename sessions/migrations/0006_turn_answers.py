"""A chat that may be attempted again keeps its answer, once for each session and id."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("chat_sessions", "0005_sizes_of_responses")]

    operations = [
        migrations.AddField(
            model_name="turn",
            name="chat_id",
            field=models.UUIDField(editable=False, help_text="of a chat that may be attempted again", null=True),
        ),
        migrations.AddField(
            model_name="turn",
            name="answer",
            field=models.JSONField(help_text="what such a chat was answered, for its next attempt", null=True),
        ),
        migrations.AddConstraint(
            model_name="turn",
            constraint=models.UniqueConstraint(
                condition=Q(("status", "finished")), fields=("session", "chat_id"), name="turn_chat_once"
            ),
        ),
    ]
