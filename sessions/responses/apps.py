"""App registration."""

from django.apps import AppConfig


class ResponsesConfig(AppConfig):
    """Answers in the form of the OpenAI responses API."""

    name = "sessions.responses"
    label = "responses"
    verbose_name = "Responses"
