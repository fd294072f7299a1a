"""What Django is put together from: apps, middleware, templates."""

from typing import Any

INSTALLED_APPS = [
    "axes",
    "julep_project.console.apps.ConsoleConfig",
    "julep_project.console.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "julep_project",
    "julep_project.core.idempotency",
    "julep_project.core.rates",
    "julep_project.core.pauses",
    "agents",
    "agents.access",
    "agents.audit",
    "agents.calls",
    "agents.connections",
    "agents.mcp",
    "agents.retention",
    "agents.vault",
    "agents.spending",
    "agents.webhooks",
    "docs_store",
    "sessions",
    "sessions.responses",
    "tasks",
    "executions",
    "executions.bulk",
    "executions.events",
    "executions.hooks",
    "executions.links",
    "executions.operating",
    "executions.schedules",
]

MIDDLEWARE = [
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "julep_project.core.api.middleware.ApiMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
