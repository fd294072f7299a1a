"""Jobs know what they shorten by, and a history outlives the turns it was said in."""

from django.db import migrations, models

from julep_project.core.cascades import null_in_database, refuse_in_database

# What they were to shorten by is not known; the next chat asks for new ones.
_END_OPEN_JOBS = """
UPDATE chat_sessions_job SET state = 'aborted', reason = 'asked for before an upgrade'
WHERE state IN ('pending', 'in_progress', 'retrying')
"""


class Migration(migrations.Migration):
    dependencies = [("chat_sessions", "0006_turn_answers")]

    operations = [
        migrations.RunSQL(_END_OPEN_JOBS, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="job",
            name="model",
            field=models.CharField(default="", help_text="whose prompt grew too long", max_length=255),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="job",
            name="budget",
            field=models.PositiveIntegerField(default=0, help_text="tokens; the history is to take about half of them"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="job",
            name="urgent",
            field=models.BooleanField(
                default=False, help_text="prompts are refused until it is done; even the newest entries may go"
            ),
            preserve_default=False,
        ),
        null_in_database("chat_sessions_entry", "chat_sessions_turn"),
        refuse_in_database("chat_sessions_entry", "chat_sessions_entry"),
        migrations.AddIndex(
            model_name="turn",
            index=models.Index(condition=models.Q(("ended_at__isnull", False)), fields=["ended_at"], name="turn_ended"),
        ),
    ]
