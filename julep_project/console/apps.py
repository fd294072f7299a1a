"""App registration: of the console, and of Django's admin with the console's site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AppConfig):
    """Django app `console`."""

    name = "julep_project.console"
    label = "console"


class ConsoleAdminConfig(AdminConfig):
    """Django's admin, whose site is the console."""

    default_site = "julep_project.console.site.ConsoleSite"
