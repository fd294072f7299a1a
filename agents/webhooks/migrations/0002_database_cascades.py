"""Deliveries go with their endpoint and with their message, in the database itself."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_webhooks")]

    operations = [cascade_in_database(["webhooks_delivery"], ["webhooks_endpoint", "webhooks_message"])]
