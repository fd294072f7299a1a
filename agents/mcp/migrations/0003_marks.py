from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mcp_client", "0002_tools_to_look_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="mcpserver",
            name="has_forgotten",
            field=models.BooleanField(
                db_default=False, default=False, help_text="whether tools that it had once are known no more"
            ),
        ),
        migrations.AddField(
            model_name="mcptool",
            name="mark",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="tells apart what it is offered by", max_length=8
            ),
        ),
    ]
