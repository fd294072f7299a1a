from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat_sessions", "0003_responses_at_work"),
    ]

    operations = [
        migrations.AlterField(
            model_name="entry",
            name="tool_call_id",
            field=models.TextField(null=True),
        ),
    ]
