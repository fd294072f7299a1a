"""The contents of files that were stored before."""

from django.db import migrations

_COPY = """
    INSERT INTO docs_store_filecontent (file_id, developer_id, created_at)
    SELECT id, developer_id, created_at FROM docs_store_file ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("docs_store", "0005_file_contents")]

    operations = [migrations.RunSQL(_COPY, migrations.RunSQL.noop)]
