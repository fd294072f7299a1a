"""The providers, one module each, named like the provider. `registry` finds them."""

import pkgutil
from functools import cache

# What published clients may name; those without a module are known but not run here.
PUBLISHED = (
    "dummy", "weather", "wikipedia", "spider", "brave", "browserbase", "email", "mailgun", "remote_browser",
    "llama_parse", "ffmpeg", "cloudinary", "arxiv", "unstructured", "algolia", "mcp", "google_sheets",
)  # fmt: skip


@cache
def run_here() -> tuple[str, ...]:
    """Names of the providers that have a module."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def provider_name(given: str) -> str:
    """The name of a provider as it is kept; people write a dash for the underscore too."""
    return given.replace("-", "_")


def known() -> tuple[str, ...]:
    """Names a definition may have."""
    return (*PUBLISHED, *(name for name in run_here() if name not in PUBLISHED))
