"""App registration."""

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    """Conversations. Django owns the label `sessions`, so this app is `chat_sessions`."""

    name = "sessions"
    label = "chat_sessions"
    verbose_name = "Sessions and chat"
    default_auto_field = "django.db.models.BigAutoField"
