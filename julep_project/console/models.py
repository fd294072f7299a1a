"""What staff may do here. There is no table: the model carries the permissions."""

from django.db import models


class Console(models.Model):
    """Stands for the console where Django wants a model to hang permissions on."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (
            ("view_console", "See runs, waits, queues and what is wrong, without contents"),
            ("view_contents", "Read inputs, outputs and messages"),
            ("operate", "Answer, retry, cancel and pause"),
            ("administer", "Change API keys and retention"),
        )
