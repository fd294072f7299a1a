from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("connections", "0003_connections_by_status"),
    ]

    operations = [
        migrations.AddField(
            model_name="connection",
            name="renewing_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
