"""Which paths belong to which kind of view."""

import re

# Paths whose views are async: their connection stays open, or they must answer while all threads are taken. The only
# place that lists them.
STREAM_PATH = re.compile(
    r"(?:/api)?(?:"
    r"/executions/.*(?:\.stream|/transitions/stream)"
    r"|/sessions/[^/]+/(?:chat|render)"
    r"|(?:/v1)?/(?:responses(?:/.*)?|chat/completions|embeddings)"
    r"|/embed"
    r"|/(?:livez|readyz|healthz)"
    r")/*"
)

HEALTH_PATH = re.compile(r"(?:/api)?/(?:livez|readyz|healthz)/*")
SEARCH_PATH = re.compile(r"(?:/api)?/(?:agents|users)/[^/]+/search/*")


def is_stream(path: str) -> bool:
    """True for the paths that belong to the async views."""
    return STREAM_PATH.fullmatch(path) is not None


def is_health(path: str) -> bool:
    """True for the paths among them that machines ask whether all is well."""
    return HEALTH_PATH.fullmatch(path) is not None


def is_search(path: str) -> bool:
    """True for the searches among the resources."""
    return SEARCH_PATH.fullmatch(path) is not None
