"""Canonical names for what clients did not name."""

import re
import secrets

_LONGEST_STEM = 40


def generate_canonical_name(name: str) -> str:
    """A readable name that fits the pattern of canonical names, with a random ending that keeps it apart."""
    stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_LONGEST_STEM].rstrip("_")
    if not stem or stem[0].isdigit():
        stem = f"n_{stem}".rstrip("_")
    return f"{stem}_{secrets.token_hex(4)}"
