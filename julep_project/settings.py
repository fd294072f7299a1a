"""Django settings. Every value an operator may change comes from the environment (see `docs/settings.md`)."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

from julep_project.env import env_bool, env_int, env_list, env_secret, env_str, state_dir

DEBUG = env_bool("DJANGO_DEBUG")
INSECURE_SECRET_KEY = "insecure-key-for-commands-that-serve-nothing"
SECRET_KEY = env_secret("SECRET_KEY", INSECURE_SECRET_KEY)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "*")
ROOT_URLCONF = "julep_project.urls"
WSGI_APPLICATION = "julep_project.wsgi.application"
ASGI_APPLICATION = "julep_project.asgi.application"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "julep_project",
    "agents",
    "docs_store",
    "sessions",
    "tasks",
    "executions",
]

MIDDLEWARE = [
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "julep_project.core.middleware.ApiMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
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

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True


def _file_storage() -> dict[str, Any]:
    """A local folder, or a bucket when one is named."""
    bucket = env_str("FILES_S3_BUCKET")
    if not bucket:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": env_str("FILES_S3_ENDPOINT_URL") or None,
            "region_name": env_str("FILES_S3_REGION") or None,
            "access_key": env_secret("AWS_ACCESS_KEY_ID") or None,
            "secret_key": env_secret("AWS_SECRET_ACCESS_KEY") or None,
            "file_overwrite": False,
            "default_acl": None,
        },
    }


STORAGES = {
    "default": _file_storage(),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_ROOT = env_str("MEDIA_ROOT", str(state_dir() / "files"))


def _database(url: str) -> dict[str, Any]:
    """Django's dictionary for a libpq URL; options Django does not know are handed to the driver."""
    parts: dict[str, Any] = dict(conninfo_to_dict(url))
    named = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    settings: dict[str, Any] = {key: str(parts.pop(option, "") or "") for key, option in named.items()}
    pool = {"min_size": 0, "max_size": env_int("DB_POOL_SIZE", 20, low=1, high=500), "timeout": 10}
    # Only statements that ask for it are prepared, see `executions/engine/statements.py`. Off: for a pooler that moves
    # connections between statements.
    parts["prepare_threshold"] = 5 if env_bool("DB_PREPARE", True) else None
    return {
        "ENGINE": "django.db.backends.postgresql",
        **settings,
        "OPTIONS": {"pool": pool, **parts} if env_bool("DB_POOL") else parts,
        "CONN_MAX_AGE": 0 if env_bool("DB_POOL") else 600,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASE_URL = env_str("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/julep")
REDIS_URL = env_str("REDIS_URL", "redis://127.0.0.1:6379/0")
DATABASES = {"default": _database(DATABASE_URL)}

# Tenancy and authentication
DEVELOPER_MODEL = "agents.Developer"
AGENTS_API_KEY = env_secret("AGENTS_API_KEY")
AGENTS_API_KEY_HEADER_NAME = env_str("AGENTS_API_KEY_HEADER_NAME", "Authorization")

# Size limits, in bytes unless the name says otherwise
MAX_BODY_BYTES = env_int("MAX_BODY_BYTES", 16 * 1024 * 1024, low=1024)
# Inputs and outputs of steps larger than this lie in the file storage; 0 keeps all of them in the database.
BLOB_STORE_CUTOFF_KB = env_int("BLOB_STORE_CUTOFF_KB", 1024, low=0)
MAX_FILE_BYTES = env_int("MAX_FILE_BYTES", 10 * 1024 * 1024, low=1)
MAX_TASK_BODY_BYTES = env_int("MAX_TASK_BODY_BYTES", 1024 * 1024, low=1024)
MAX_EXECUTION_INPUT_BYTES = env_int("MAX_EXECUTION_INPUT_BYTES", 8 * 1024 * 1024, low=1024)
MAX_STEP_OUTPUT_BYTES = env_int("MAX_STEP_OUTPUT_BYTES", 8 * 1024 * 1024, low=1024)
MAX_REPLY_CHARACTERS = env_int("MAX_REPLY_CHARACTERS", 4_000_000, low=1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

# Outgoing HTTP for users: networks beside the public internet that may be reached (addresses or CIDR)
JULEP_HTTP_ALLOW = env_list("JULEP_HTTP_ALLOW")
JULEP_HTTP_MAX_BYTES = env_int("JULEP_HTTP_MAX_BYTES", 16 * 1024 * 1024, low=1024)
JULEP_HTTP_TIMEOUT_S = env_int("JULEP_HTTP_TIMEOUT_S", 60, low=1, high=600)

# Integrations: keys of providers, for tools whose setup brings none of its own
BRAVE_API_KEY = env_secret("BRAVE_API_KEY")
OPENWEATHERMAP_API_KEY = env_secret("OPENWEATHERMAP_API_KEY")
SPIDER_API_KEY = env_secret("SPIDER_API_KEY")
# Provider to base URL; only tests set it.
INTEGRATION_ADDRESSES: dict[str, str] = {}

# Models
DEFAULT_MODEL = env_str("DEFAULT_MODEL")
MODELS = env_list("MODELS")
EMBEDDING_MODEL = env_str("EMBEDDING_MODEL", "offline/hashing")
EMBEDDING_DIMENSIONS = env_int("EMBEDDING_DIMENSIONS", 1024, low=1, high=16_000)
MODEL_TIMEOUT_S = env_int("MODEL_TIMEOUT_S", 300, low=1, high=840)

# Chat: how often an agent may call tools before it has to answer, how long a chat may take with all its waiting, and
# how long the model is made to wait for a client that does not read
CHAT_TOOL_ROUNDS = env_int("CHAT_TOOL_ROUNDS", 16, low=1, high=100)
CHAT_TIMEOUT_S = env_int("CHAT_TIMEOUT_S", 900, low=1)
CHAT_READER_TIMEOUT_S = env_int("CHAT_READER_TIMEOUT_S", 60, low=1)

# Engine
SLICE_STEPS = env_int("SLICE_STEPS", 200, low=1)
SLICE_MS = env_int("SLICE_MS", 250, low=1)
LEASE_SECONDS = env_int("LEASE_SECONDS", 30, low=2)
MAX_ATTEMPTS = env_int("MAX_ATTEMPTS", 5, low=1)
SWEEP_SECONDS = env_int("SWEEP_SECONDS", 2, low=1)
# A row rung this recently has a message on its way; the sweeper leaves it alone.
RING_AGAIN_SECONDS = env_int("RING_AGAIN_SECONDS", 5, low=1)
# Only tests of recovery set these; see `executions/crashpoints.py`.
JULEP_TEST_BUILD = env_bool("JULEP_TEST_BUILD")
JULEP_CRASH_AT = env_str("JULEP_CRASH_AT")
JULEP_CRASH_DIR = env_str("JULEP_CRASH_DIR")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["julep_project.core.auth.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["julep_project.core.auth.HasDeveloper"],
    "DEFAULT_PARSER_CLASSES": ["julep_project.core.parsers.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["julep_project.core.renderers.JsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "julep_project.core.renderers.AlwaysJson",
    "DEFAULT_PAGINATION_CLASS": "julep_project.core.pagination.ItemsPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "julep_project.core.exception_handler.handle",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Agents API",
    "VERSION": "1.0.0",
    "DESCRIPTION": "Stateful agents, multi-step tasks, sessions and documents.",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [],
}

# Celery: the row is the truth, the message is a doorbell. Any of these wrong costs time, not correctness.
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "unacked_restore_throttle": 1,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = 3600
CELERY_TASK_DEFAULT_QUEUE = "engine"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_TIME_LIMIT = 900
CELERY_TASK_SOFT_TIME_LIMIT = 870
CELERY_WORKER_SEND_TASK_EVENTS = True
# Connections are looked after in `celery.py`, not closed around every message.
CELERY_DB_REUSE_MAX = 2**62
# A worker told to quit lets running messages end for this long, then hands them back.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 3.0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_ROUTES = {
    "executions.perform_effect": {"queue": "io"},
    "docs_store.embed_chunks": {"queue": "io"},
    "docs_store.sweep": {"queue": "maintenance"},
    "docs_store.build_indexes": {"queue": "maintenance"},
    "docs_store.prune_contents": {"queue": "maintenance"},
    "executions.sweep": {"queue": "maintenance"},
    "executions.prune_blobs": {"queue": "maintenance"},
    "sessions.answer_response": {"queue": "io"},
    "sessions.shorten_history": {"queue": "maintenance"},
    "sessions.sweep_jobs": {"queue": "maintenance"},
    "sessions.sweep_responses": {"queue": "maintenance"},
    "sessions.prune_responses": {"queue": "maintenance"},
}
# Seconds between two messages; one that is not delivered in time is dropped, the next is under way.
_SCHEDULE: dict[str, tuple[str, float]] = {
    "sweep": ("executions.sweep", float(SWEEP_SECONDS)),
    "docs": ("docs_store.sweep", float(SWEEP_SECONDS)),
    "responses": ("sessions.sweep_responses", float(SWEEP_SECONDS)),
    "jobs": ("sessions.sweep_jobs", float(SWEEP_SECONDS)),
    "vector indexes": ("docs_store.build_indexes", 60.0),
    "blobs": ("executions.prune_blobs", 3600.0),
    "file contents": ("docs_store.prune_contents", 3600.0),
    "deleted responses": ("sessions.prune_responses", 3600.0),
}
CELERY_BEAT_SCHEDULE = {
    name: {"task": task, "schedule": every_s, "options": {"expires": every_s * 5}}
    for name, (task, every_s) in _SCHEDULE.items()
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"fields": {"()": "julep_project.core.logs.FieldsFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "fields"}},
    "root": {"handlers": ["console"], "level": env_str("LOG_LEVEL", "INFO")},
    # Two lines for every message; the transition log tells more.
    "loggers": {"celery.worker.strategy": {"level": "WARNING"}, "celery.app.trace": {"level": "WARNING"}},
}
