from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0007_blob_size")]

    operations = [
        migrations.AddField(
            model_name="blob",
            name="content",
            field=models.TextField(help_text="JSON text, where it is not in the storage", null=True),
        ),
        migrations.AddField(
            model_name="blob",
            name="digest",
            field=models.CharField(help_text="SHA-256 of a content in the storage", max_length=64, null=True),
        ),
        AddIndexConcurrently(
            model_name="blob",
            index=models.Index(
                condition=models.Q(("digest__isnull", False)), fields=["execution_id", "digest"], name="blob_of_digest"
            ),
        ),
        AddIndexConcurrently(
            model_name="blob",
            index=models.Index(
                condition=models.Q(("content__isnull", False)), fields=["created_at"], name="blob_in_row"
            ),
        ),
    ]
