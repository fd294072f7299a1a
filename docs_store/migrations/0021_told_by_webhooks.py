"""Webhooks are told of files that were read into docs by the database."""

from django.db import migrations

CREATE = """
CREATE TRIGGER webhooks_job AFTER UPDATE OF state ON docs_store_ingestion FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('succeeded', 'failed', 'aborted'))
    EXECUTE FUNCTION webhooks_tell_job();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("docs_store", "0020_vector_store_indexes"),
        ("webhooks", "0001_webhooks"),
    ]

    operations = [migrations.RunSQL(CREATE, "DROP TRIGGER webhooks_job ON docs_store_ingestion")]
