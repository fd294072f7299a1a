from django.db import migrations, models
from django.db.models import Func, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Cast


def text_bytes(column: str) -> Func:
    return Func(Cast(column, models.TextField()), function="octet_length", output_field=models.BigIntegerField())


class Migration(migrations.Migration):
    dependencies = [
        ("chat_sessions", "0004_longer_call_ids"),
    ]

    operations = [
        migrations.AddField(
            model_name="storedresponse",
            name="size_bytes",
            field=models.GeneratedField(
                db_persist=True,
                expression=CombinedExpression(text_bytes("body"), "+", text_bytes("input_items")),
                help_text="of body and input_items as text, which is what reading them costs",
                output_field=models.BigIntegerField(),
            ),
        ),
        migrations.AddIndex(
            model_name="storedresponse",
            index=models.Index(
                condition=Q(("deleted_at__isnull", False)),
                fields=["deleted_at"],
                name="response_deleted",
            ),
        ),
    ]
