"""The queue of embeddings knows whose docs wait, so that tenants get their turns.

A trigger fills the column in, also for whoever stores docs with the code of before.
"""

from django.db import migrations, models

_FILL_IN = """
    CREATE FUNCTION docs_store_embedding_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT developer_id INTO NEW.developer_id FROM docs_store_doc WHERE id = NEW.doc_id;
        RETURN NEW;
    END $$;
    CREATE TRIGGER docs_store_embedding_tenant BEFORE INSERT ON docs_store_docembedding
    FOR EACH ROW EXECUTE FUNCTION docs_store_embedding_tenant();
"""
_REMOVE = """
    DROP TRIGGER docs_store_embedding_tenant ON docs_store_docembedding;
    DROP FUNCTION docs_store_embedding_tenant();
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0005_metadata_indexes"), ("docs_store", "0007_metadata_index")]

    operations = [
        migrations.AddField(
            "docembedding",
            "developer",
            models.ForeignKey(
                "agents.developer",
                null=True,
                on_delete=models.DO_NOTHING,
                related_name="+",
                db_constraint=False,
                db_index=False,
            ),
        ),
        migrations.AddField("docembedding", "leads", models.BooleanField(default=False, db_default=False)),
        migrations.AddField(
            "embeddingmodel",
            "covered_to",
            models.UUIDField(null=True, help_text="docs up to this one were given their places, but for a few"),
        ),
        migrations.RunSQL(_FILL_IN, _REMOVE),
    ]
