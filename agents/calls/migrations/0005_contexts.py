from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calls", "0004_autovacuum")]

    operations = [
        migrations.AddField("call", "context", models.TextField(null=True, help_text="JSON")),
    ]
