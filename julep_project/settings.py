"""Django settings. Every value an operator may change comes from the environment (see `docs/settings.md`)."""

import os
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from julep_project.core.limits import LONGEST_ATTEMPT_S
from julep_project.core.process.memory import begin_loading
from julep_project.core.telemetry.log_settings import log_settings
from julep_project.django_parts import INSTALLED_APPS as INSTALLED_APPS
from julep_project.django_parts import MIDDLEWARE as MIDDLEWARE
from julep_project.django_parts import TEMPLATES as TEMPLATES
from julep_project.env import (
    InvalidSetting,
    env_addresses,
    env_bool,
    env_choice,
    env_commands,
    env_days,
    env_decimal,
    env_decimal_or_unknown,
    env_int,
    env_ints,
    env_list,
    env_secret,
    env_str,
    env_url,
    state_dir,
)

begin_loading()
# Read when numpy is imported. The products of vectors here take a millisecond: several threads for one would only wait
# for each other, turning in circles, and that for a hundred times as long where the machine has other work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

DEBUG = env_bool("DJANGO_DEBUG")
INSECURE_SECRET_KEY = "insecure-key-for-commands-that-serve-nothing"
SECRET_KEY = env_secret("SECRET_KEY", INSECURE_SECRET_KEY)
HOST = env_str("HOST", "127.0.0.1")
PORT = env_int("PORT", 8080, low=0, high=65535)
FLOWER_PORT = env_int("FLOWER_PORT", 5555, low=0, high=65535)
# Where browsers find the server, if a proxy stands in front of it: `https://agents.example.com`.
PUBLIC_URL = env_url("PUBLIC_URL")
_PUBLIC_HOSTS = [urlsplit(PUBLIC_URL).hostname or "", HOST, "localhost", "127.0.0.1", "[::1]"] if PUBLIC_URL else ["*"]
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", ",".join(_PUBLIC_HOSTS))
if not ALLOWED_HOSTS:
    raise InvalidSetting("ALLOWED_HOSTS is empty: the server would answer to no name")
ROOT_URLCONF = "julep_project.urls"
WSGI_APPLICATION = "julep_project.wsgi.application"
ASGI_APPLICATION = "julep_project.asgi.application"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True


FILES_S3_ENDPOINT_URL = env_str("FILES_S3_ENDPOINT_URL")


def _file_storage() -> dict[str, Any]:
    """A local folder, or a bucket when one is named."""
    bucket = env_str("FILES_S3_BUCKET")
    if not bucket:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    return {
        "BACKEND": "julep_project.core.storage.bucket.Bucket",
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
# Waits for the bucket: for a connection, for each piece of an answer; and how often a request is sent in all
FILES_S3_CONNECT_TIMEOUT_S = env_int("FILES_S3_CONNECT_TIMEOUT_S", 5, low=1, high=60)
FILES_S3_TIMEOUT_S = env_int("FILES_S3_TIMEOUT_S", 15, low=1, high=300)
FILES_S3_ATTEMPTS = env_int("FILES_S3_ATTEMPTS", 2, low=1, high=10)


# Threads of one process, by what they do; see `core/database.py`. Some tool calls of a chat run at once, however many
# chats there are.
API_THREADS = env_int("API_THREADS", 16, low=1, high=500)
# Requests that may wait for a thread, of each kind, and those whose connection may stay open; others are told to try
# again, and so are those whose large bodies would be more together than a process holds.
API_WAITING = env_int("API_WAITING", 256, low=1)
API_STREAMS = env_int("API_STREAMS", 10_000, low=1)
API_QUERY_THREADS = env_int("API_QUERY_THREADS", 8, low=1, high=500)
API_SEARCH_THREADS = env_int("API_SEARCH_THREADS", 8, low=1, high=500)
CHAT_TOOL_THREADS = env_int("CHAT_TOOL_THREADS", 32, low=1, high=500)
CHAT_TASK_WAIT_S = env_int("CHAT_TASK_WAIT_S", 30, low=0, high=600)
TOOL_RATE_WAIT_S = env_int("TOOL_RATE_WAIT_S", 10, low=0, high=300)
IO_THREADS = env_int("IO_THREADS", 32, low=1, high=512)
# Those of the event loop, of keepers of leases, and of health.
_OTHER_THREADS = 24
# How many connections the threads of one process can ask for at once.
DATABASE_THREADS = (
    max(API_THREADS + API_SEARCH_THREADS, IO_THREADS)
    + 2 * API_QUERY_THREADS
    + API_SEARCH_THREADS
    + CHAT_TOOL_THREADS
    + _OTHER_THREADS
)
DB_POOL_SIZE = env_int("DB_POOL_SIZE", DATABASE_THREADS, low=1, high=5000)
# Seconds a statement may take, may wait for a lock, and a transaction may stand idle, for every use of the database.
# 0 is no limit of ours. Commands and migrations have none.
DATABASE_TIMEOUTS: dict[str, tuple[float, ...]] = {
    "api": env_ints("DB_TIMEOUTS_API", (30, 10, 60)),
    "engine": env_ints("DB_TIMEOUTS_ENGINE", (60, 30, 60)),
    "io": env_ints("DB_TIMEOUTS_IO", (60, 30, 60)),
    "maintenance": env_ints("DB_TIMEOUTS_MAINTENANCE", (600, 30, 60)),
}
# A database that does not take a connection in this time is away.
_CONNECT_S = 5
# A peer that has gone without a word is noticed: probes when nothing comes, and data it does not confirm. Without
# effect on Unix sockets.
_TCP = {
    "connect_timeout": _CONNECT_S,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


def _database(url: str) -> dict[str, Any]:
    """Django's dictionary for a libpq URL; options Django does not know are handed to the driver."""
    parts: dict[str, Any] = {**_TCP, **conninfo_to_dict(url)}
    named = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    settings: dict[str, Any] = {key: str(parts.pop(option, "") or "") for key, option in named.items()}
    # While the database is away, a pool tries to connect again and again by itself, with pauses that double, and nobody
    # who asks for a connection meanwhile makes it try sooner. With the shortest patience it leaves that to who asks.
    pool = {"min_size": 0, "max_size": DB_POOL_SIZE, "timeout": _CONNECT_S, "reconnect_timeout": 1.0}
    # Only statements that ask for it are prepared, see `executions/engine/rows/statements.py`. Off: for a pooler that
    # moves connections between statements.
    parts["prepare_threshold"] = 5 if env_bool("DB_PREPARE", True) else None
    return {
        "ENGINE": "julep_project.core.postgres",
        **settings,
        "OPTIONS": {"pool": pool, **parts} if env_bool("DB_POOL") else parts,
        "CONN_MAX_AGE": 0 if env_bool("DB_POOL") else 600,
        "CONN_HEALTH_CHECKS": True,
    }


# Staff pages. Their cookies go over TLS only once browsers are told to come that way; the API, which has no cookies, is
# left to the proxy: inside of it, health checks and other machines speak plain HTTP.
_TLS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _TLS
# Whoever comes without TLS may have come by another name or port than the proxy's.
SECURE_SSL_HOST = urlsplit(PUBLIC_URL).netloc if _TLS else None
SECURE_REDIRECT_EXEMPT = [r"^(?!admin(?:/|$))"]
CSRF_TRUSTED_ORIGINS = [*([PUBLIC_URL] if PUBLIC_URL else []), *env_list("ADMIN_ORIGINS")]
SECURE_HSTS_SECONDS = env_int("HSTS_SECONDS", 0, low=0)
X_FRAME_OPTIONS = "DENY"
# How many proxies stand in front, each of which tells in headers who it serves. Without any, the headers mean nothing.
PROXY_COUNT = env_int("PROXY_COUNT", 0, low=0, high=10)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXY_COUNT else None
# Whether the domains below this one, and every browser for ever, may be told the same is not known here.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Failed logins are counted in the database, for a name from an address: nobody can lock out somebody elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = env_int("LOGIN_FAILURES", 5, low=1)
AXES_COOLOFF_TIME = timedelta(minutes=env_int("LOGIN_LOCK_MINUTES", 15, low=1))
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_CLIENT_IP_CALLABLE = "julep_project.core.api.peer.address_of"
AXES_CLIENT_STR_CALLABLE = "julep_project.core.api.peer.described"

DATABASE_URL = env_str("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/julep")
REDIS_URL = env_str("REDIS_URL", "redis://127.0.0.1:6379/0")
DATABASES = {"default": _database(DATABASE_URL)}

# Tenancy and authentication
AUTHENTICATOR = "agents.access.authentication.AUTHENTICATION"
STAFF_ACT_RECORDER = "agents.audit.staff.record_staff_act"
# The operator's own key
AGENTS_API_KEY = env_secret("AGENTS_API_KEY")
AGENTS_API_KEY_HEADER_NAME = env_str("AGENTS_API_KEY_HEADER_NAME", "Authorization")
AGENTS_API_MULTI_TENANT_MODE = env_bool("AGENTS_API_MULTI_TENANT_MODE")
# Tokens: with what their signatures are verified, whom they must be from and for, and whether who is seen for the first
# time becomes a developer. While a shared key is changed, both count.
JWT_SHARED_KEY = env_list("JWT_SHARED_KEY")
JWT_JWKS_FILE = env_str("JWT_JWKS_FILE")
JWT_JWKS_URL = env_str("JWT_JWKS_URL")
JWT_AUDIENCE = env_str("JWT_AUDIENCE")
JWT_ISSUER = env_str("JWT_ISSUER")
JWT_CREATE_DEVELOPERS = env_bool("JWT_CREATE_DEVELOPERS")

# Whether the database keeps developers apart too (`core/row_security`): `auto` is on where there may be many.
ROW_SECURITY = env_choice("ROW_SECURITY", ("auto", "on", "off"))
ROW_SECURITY_ON = ROW_SECURITY == "on" or (ROW_SECURITY == "auto" and AGENTS_API_MULTI_TENANT_MODE)

# Secrets of developers: the keys they are sealed with, the newest first; see `agents/vault/master_keys.py`.
SECRETS_MASTER_KEY = env_secret("SECRETS_MASTER_KEY")

# Size limits, in bytes unless the name says otherwise
MAX_BODY_BYTES = env_int("MAX_BODY_BYTES", 16 * 1024 * 1024, low=1024)
# What a body becomes in memory is bounded by its parts: arrays and objects; and these with all their members.
MAX_BODY_CONTAINERS = env_int("MAX_BODY_CONTAINERS", 200_000, low=1000)
MAX_BODY_ELEMENTS = env_int("MAX_BODY_ELEMENTS", 500_000, low=1000)
# What a branch carries from commit to commit is kept apart from its row above this; 0 for the time of an upgrade.
VALUES_APART_KB = env_int("VALUES_APART_KB", 16, low=0)
# Inputs and outputs of steps larger than this lie in the file storage; 0 keeps all of them in the database.
BLOB_STORE_CUTOFF_KB = env_int("BLOB_STORE_CUTOFF_KB", 1024, low=0)
MAX_FILE_BYTES = env_int("MAX_FILE_BYTES", 10 * 1024 * 1024, low=1)
# Files that are read into docs: how many at once in a process, with how much memory, and for how long: processor time
# for a page, and all the time for a file.
EXTRACTION_PROCESSES = env_int("EXTRACTION_PROCESSES", 2, low=1, high=64)
EXTRACTION_MEMORY_MB = env_int("EXTRACTION_MEMORY_MB", 768, low=256)
EXTRACTION_CPU_SECONDS = env_int("EXTRACTION_CPU_SECONDS", 20, low=1, high=600)
EXTRACTION_SECONDS = env_int("EXTRACTION_SECONDS", 900, low=1)
MAX_TASK_BODY_BYTES = env_int("MAX_TASK_BODY_BYTES", 1024 * 1024, low=1024)
MAX_EXECUTION_INPUT_BYTES = env_int("MAX_EXECUTION_INPUT_BYTES", 8 * 1024 * 1024, low=1024)
MAX_STEP_OUTPUT_BYTES = env_int("MAX_STEP_OUTPUT_BYTES", 8 * 1024 * 1024, low=1024)
# What developers without the tag `paid` may do: US dollars a month, sessions, and executions of one task.
FREE_TIER_COST_LIMIT = env_decimal("FREE_TIER_COST_LIMIT", "2.0")
MAX_FREE_SESSIONS = env_int("MAX_FREE_SESSIONS", 50, low=0)
MAX_FREE_EXECUTIONS = env_int("MAX_FREE_EXECUTIONS", 50, low=0)
# What a call counts for in limits whose price nobody knows, and what is set aside for one whose answer has no bound.
UNKNOWN_PRICE_USD = env_decimal_or_unknown("UNKNOWN_PRICE_USD", "0.01")
RESERVED_PER_CALL_USD = env_decimal("RESERVED_PER_CALL_USD", "0.02")
RESERVATION_SECONDS = env_int("RESERVATION_SECONDS", 3600, low=60)
MAX_REPLY_CHARACTERS = env_int("MAX_REPLY_CHARACTERS", 4_000_000, low=1024)
# What a model provider may send for one request, before it is parsed (`agents/llm/providers/answer_bytes.py`).
MAX_REPLY_BYTES = env_int("MAX_REPLY_BYTES", 16 * 1024 * 1024, low=64 * 1024)
# Answers of requests with an `Idempotency-Key` that are kept for their repetitions; of larger ones it is known that
# they were given.
IDEMPOTENCY_ANSWER_KB = env_int("IDEMPOTENCY_ANSWER_KB", 16 * 1024, low=0)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
MAX_HELD_BODY_BYTES = env_int("MAX_HELD_BODY_BYTES", max(128 * 1024 * 1024, MAX_BODY_BYTES), low=MAX_BODY_BYTES)

# How many days rows are kept, by their kind, where a developer sets nothing else; what is left out is kept for ever.
RETENTION_DAYS = {"records": 14, "webhooks": 30, **env_days("RETENTION_DAYS")}
# Of which calls of models and tools it is kept what they were asked and answered.
CALLS_KEPT = env_choice("CALLS_KEPT", ("all", "failed", "none"))

# Outgoing HTTP for users: what may be reached beside the public internet (addresses or CIDR, with or without a port)
JULEP_HTTP_ALLOW = env_list("JULEP_HTTP_ALLOW")
# Parts of the installation beside those that other settings name. That opens none of them unless it names their port.
JULEP_HTTP_OWN = env_list("JULEP_HTTP_OWN")
JULEP_HTTP_MAX_BYTES = env_int("JULEP_HTTP_MAX_BYTES", 16 * 1024 * 1024, low=1024)
JULEP_HTTP_TIMEOUT_S = env_int("JULEP_HTTP_TIMEOUT_S", 60, low=1, high=600)

# Webhooks: endpoints of a developer, how long a receiver may take, and how much is sent to one at once; how long a
# message is tried, and after how many attempts in a row over how many hours an endpoint is disabled; and how many
# messages of a developer may wait
WEBHOOK_ENDPOINTS = env_int("WEBHOOK_ENDPOINTS", 20, low=1, high=1000)
WEBHOOK_TIMEOUT_S = env_int("WEBHOOK_TIMEOUT_S", 10, low=1, high=60)
WEBHOOK_CONCURRENCY = env_int("WEBHOOK_CONCURRENCY", 4, low=1, high=64)
WEBHOOK_RETRY_HOURS = env_int("WEBHOOK_RETRY_HOURS", 72, low=0, high=720)
WEBHOOK_DISABLE_AFTER = env_int("WEBHOOK_DISABLE_AFTER", 20, low=1)
WEBHOOK_DISABLE_HOURS = env_int("WEBHOOK_DISABLE_HOURS", 24, low=0, high=720)
WEBHOOK_PENDING_MAX = env_int("WEBHOOK_PENDING_MAX", 10_000, low=1)

# Integrations: keys of providers, for tools whose setup brings none of its own
BRAVE_API_KEY = env_secret("BRAVE_API_KEY")
OPENWEATHERMAP_API_KEY = env_secret("OPENWEATHERMAP_API_KEY")
GOOGLE_SHEETS_SERVICE_ACCOUNT = env_secret("GOOGLE_SHEETS_SERVICE_ACCOUNT")
SERPER_API_KEY = env_secret("SERPER_API_KEY")
SPIDER_API_KEY = env_secret("SPIDER_API_KEY")
# Where providers are reached instead of their public addresses, on private networks too
INTEGRATION_ADDRESSES = env_addresses("INTEGRATION_ADDRESSES")
# Programs on this machine that are MCP servers, by the names that tools call them
MCP_COMMANDS = env_commands("MCP_COMMANDS")
# The program of `ffmpeg` tools, and what one call may take of this machine; a name that is not there switches them off.
FFMPEG_PROGRAM = env_str("FFMPEG_PROGRAM", "ffmpeg")
FFMPEG_CPU_SECONDS = env_int("FFMPEG_CPU_SECONDS", 300, low=1)
FFMPEG_MEMORY_MB = env_int("FFMPEG_MEMORY_MB", 2048, low=256)

# Models
DEFAULT_MODEL = env_str("DEFAULT_MODEL")
MODELS = env_list("MODELS")
EMBEDDING_MODEL = env_str("EMBEDDING_MODEL", "offline/hashing")
# What some models want before a text that is searched with, and before one that is to be found
EMBEDDING_QUERY_INSTRUCTION = env_str("EMBEDDING_QUERY_INSTRUCTION")
EMBEDDING_PASSAGE_INSTRUCTION = env_str("EMBEDDING_PASSAGE_INSTRUCTION")
EMBEDDING_DIMENSIONS = env_int("EMBEDDING_DIMENSIONS", 1024, low=1, high=16_000)
MODEL_TIMEOUT_S = env_int("MODEL_TIMEOUT_S", 300, low=1, high=LONGEST_ATTEMPT_S)

# Providers and tools that want to be asked less: the longest pause they may ask for, how long a run puts up with that
# before it counts as a failure, and how long somebody who waits for an answer is made to wait for it
RETRY_AFTER_MAX_S = env_int("RETRY_AFTER_MAX_S", 300, low=1)
RATE_LIMIT_PATIENCE_S = env_int("RATE_LIMIT_PATIENCE_S", 3600, low=0)
RATE_LIMIT_WAIT_S = env_int("RATE_LIMIT_WAIT_S", 5, low=0, high=60)

# Chat: how often an agent may call tools before it has to answer, how long a chat may take with all its waiting, and
# how long what is told (of runs and responses too) waits for a client that does not read
CHAT_TOOL_ROUNDS = env_int("CHAT_TOOL_ROUNDS", 16, low=1, high=100)
CHAT_APPROVAL_S = env_int("CHAT_APPROVAL_S", 86_400, low=1)
CHAT_TIMEOUT_S = env_int("CHAT_TIMEOUT_S", 900, low=1)
CHAT_READER_TIMEOUT_S = env_int("CHAT_READER_TIMEOUT_S", 60, low=1)

# Engine
SLICE_STEPS = env_int("SLICE_STEPS", 200, low=1)
SLICE_MS = env_int("SLICE_MS", 250, low=1)
LEASE_SECONDS = env_int("LEASE_SECONDS", 30, low=2)
MAX_ATTEMPTS = env_int("MAX_ATTEMPTS", 5, low=1)
SWEEP_SECONDS = env_int("SWEEP_SECONDS", 2, low=1)
# A process told to stop lets calls and requests end for this long, then hands back the rest: `core/work/draining.py`.
DRAIN_SECONDS = env_int("DRAIN_SECONDS", 60, low=1, high=3600)
# A process that holds more memory than this is replaced, once what it does has ended; 0: never. The API server has an
# option of its own for it. `RETIRING_FILE` is made by a worker that is to be replaced, for whoever starts the next one.
PROCESS_MEMORY_MB = env_int("PROCESS_MEMORY_MB", 1024, low=0)
RETIRING_FILE = env_str("RETIRING_FILE")
# A row rung this recently has a message on its way; the sweeper leaves it alone.
RING_AGAIN_SECONDS = env_int("RING_AGAIN_SECONDS", 5, low=1)
# What a developer may ask for, unless staff have set something else for it; 0: no limit. Requests a minute of all its
# keys together and of each, chats and streams that are open at once, runs that are at work at once.
TENANT_REQUESTS_PER_MINUTE = env_int("TENANT_REQUESTS_PER_MINUTE", 0, low=0, high=1_000_000)
KEY_REQUESTS_PER_MINUTE = env_int("KEY_REQUESTS_PER_MINUTE", 0, low=0, high=1_000_000)
# How long a call of a task waits for its run where the client does not know tasks; and who gives out tokens for `/mcp`.
MCP_WAIT_SECONDS = env_int("MCP_WAIT_SECONDS", 60, low=1, high=840)
MCP_AUTHORIZATION_SERVERS = env_list("MCP_AUTHORIZATION_SERVERS")
CONNECTION_LINK_S = env_int("CONNECTION_LINK_S", 604_800, low=60, high=31_536_000)
LINK_REQUESTS_PER_MINUTE = env_int("LINK_REQUESTS_PER_MINUTE", 60, low=0, high=1_000_000)
TENANT_STREAMS = env_int("TENANT_STREAMS", 0, low=0)
TENANT_RUNS = env_int("TENANT_RUNS", 0, low=0)
# Of each developer, times its weight: runs that wait for their first step with a message on its way, further ones wait
# for these; and runs at work beyond which the messages of further ones go behind those of others.
TENANT_SHARE = env_int("TENANT_SHARE", 16 if AGENTS_API_MULTI_TENANT_MODE else 256, low=1, high=10_000)
# Events: how large one is with its data, how long it is kept, and how many a developer may record in a minute (0: any).
MAX_EVENT_BYTES = env_int("MAX_EVENT_BYTES", 64 * 1024, low=256, high=1024 * 1024)
EVENT_DAYS = env_int("EVENT_DAYS", 7, low=1, high=366)
EVENTS_PER_MINUTE = env_int("EVENTS_PER_MINUTE", 6000, low=0, high=10_000_000)
# Hooks: how large a call is, and what is kept of it; calls in a minute of each hook without a limit of its own, and of
# all hooks of a developer (0: any); and for how many days calls are kept, and known again.
MAX_HOOK_BYTES = env_int("MAX_HOOK_BYTES", 1024 * 1024, low=1024)
HOOK_KEPT_BYTES = env_int("HOOK_KEPT_BYTES", 64 * 1024, low=0, high=1024 * 1024)
HOOK_CALLS_PER_MINUTE = env_int("HOOK_CALLS_PER_MINUTE", 600, low=0, high=1_000_000)
TENANT_HOOK_CALLS_PER_MINUTE = env_int("TENANT_HOOK_CALLS_PER_MINUTE", 3000, low=0, high=10_000_000)
HOOK_CALL_DAYS = env_int("HOOK_CALL_DAYS", 30, low=1, high=3650)
# Schedules: how many a developer may have, seconds between two times of `every`, times of one that wait for earlier
# ones, times of one backfill, failures in a row that pause one, and from when on a time was missed.
MAX_SCHEDULES = env_int("MAX_SCHEDULES", 1000, low=0)
SCHEDULE_MIN_SECONDS = env_int("SCHEDULE_MIN_SECONDS", 10, low=1, high=86_400)
SCHEDULE_MAX_WAITING = env_int("SCHEDULE_MAX_WAITING", 100, low=1, high=10_000)
SCHEDULE_MAX_BACKFILL = env_int("SCHEDULE_MAX_BACKFILL", 1000, low=1, high=100_000)
SCHEDULE_MAX_FAILURES = env_int("SCHEDULE_MAX_FAILURES", 10, low=0)
SCHEDULE_LATE_SECONDS = env_int("SCHEDULE_LATE_SECONDS", 60, low=2)
# Expressions and templates: what one evaluation may take before its process is ended (their own limits stop all we
# know of far earlier), and how many processes render for one that serves others.
EVALUATION_CPU_SECONDS = env_int("EVALUATION_CPU_SECONDS", 2, low=1, high=60)
EVALUATION_PROCESSES = env_int("EVALUATION_PROCESSES", 2, low=1, high=64)
# Only tests of recovery set these; see `executions/crashpoints.py`.
JULEP_TEST_BUILD = env_bool("JULEP_TEST_BUILD")
JULEP_CRASH_AT = env_str("JULEP_CRASH_AT")
JULEP_CRASH_DIR = env_str("JULEP_CRASH_DIR")
# Workers and beat touch this file while they work, so that a health check can look at its age.
ALIVE_FILE = env_str("ALIVE_FILE")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["julep_project.core.api.auth.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["julep_project.core.api.auth.HasDeveloper"],
    "DEFAULT_PARSER_CLASSES": ["julep_project.core.reading.parsers.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["julep_project.core.api.renderers.JsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "julep_project.core.api.renderers.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "julep_project.core.api.api_schema.Description",
    "EXCEPTION_HANDLER": "julep_project.core.api.exception_handler.handle",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Agents API",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": (
        "Stateful agents, multi-step tasks, sessions and documents. Every path works below `/api`, too, and those that "
        "OpenAI and Anthropic have below `/v1`: OpenAI's clients are given the address with `/v1`, Anthropic's without."
    ),
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["julep_project.core.api.api_document.complete"],
}

# Celery: the row is the truth, the message is a doorbell. Any of these wrong costs time, not correctness.
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = f"julep_project.core.results.Results+{REDIS_URL}"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# What Redis refuses because its memory is full it takes again when there is room.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "unacked_restore_throttle": 1,
    # A peer that has gone without a word: commands end in this time, and consumers connect anew after about seven
    # seconds (one of waiting for messages, and two of these intervals).
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 3,
}
CELERY_REDIS_SOCKET_TIMEOUT = 5
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 2
CELERY_REDIS_SOCKET_KEEPALIVE = True
CELERY_REDIS_RETRY_ON_TIMEOUT = True
CELERY_REDIS_BACKEND_HEALTH_CHECK_INTERVAL = 5
CELERY_TASK_ACKS_LATE = True
# What is sent by work that waits for others waits for them too.
CELERY_TASK_INHERIT_PARENT_PRIORITY = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = 3600
CELERY_TASK_DEFAULT_QUEUE = "engine"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_WORKER_MAX_MEMORY_PER_CHILD = PROCESS_MEMORY_MB * 1024 or None
CELERY_TASK_SOFT_TIME_LIMIT = LONGEST_ATTEMPT_S + 30
CELERY_TASK_TIME_LIMIT = LONGEST_ATTEMPT_S + 60
CELERY_WORKER_SEND_TASK_EVENTS = True
# Connections are looked after in `celery.py`, not closed around every message.
CELERY_DB_REUSE_MAX = 2**62
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CONSUMER = "julep_project.consumer:SteadyConsumer"
# `maintenance` is for keepers and what operators do to many runs, a second at a time: timers and recovery depend on it.
# Whatever waits for a model or builds something large belongs to `io`.
CELERY_TASK_ROUTES = [
    "julep_project.core.work.keeper.route",
    {
        "executions.perform_effect": {"queue": "io"},
        "docs_store.embed_chunks": {"queue": "io"},
        "docs_store.ingest_file": {"queue": "io"},
        "sessions.answer_response": {"queue": "io"},
        "sessions.shorten_history": {"queue": "io"},
        "retention.erase_user": {"queue": "io"},
        "webhooks.deliver": {"queue": "io"},
        "bulk.work": {"queue": "maintenance"},
        "events.hand_out": {"queue": "io"},
        "events.look": {"queue": "io"},
        "schedules.tick": {"queue": "maintenance"},
        "schedules.send_message": {"queue": "io"},
    },
]

# A line for a statement or a request that took longer, in milliseconds; 0: for none.
SLOW_STATEMENT_MS = env_int("SLOW_STATEMENT_MS", 500, low=0)
SLOW_REQUEST_MS = env_int("SLOW_REQUEST_MS", 2000, low=0)
# Names of tasks, of models and of tools that metrics tell apart; further ones are `other`.
METRICS_NAMES = env_int("METRICS_NAMES", 100, low=1, high=10_000)
LOGGING = log_settings(
    level=env_str("LOG_LEVEL", "INFO").upper(),
    form=env_choice("LOG_FORMAT", ("auto", "json", "text")),
    handler=env_str("LOG_HANDLER"),
)
