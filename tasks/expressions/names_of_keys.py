"""By which keys objects are read: what evaluates a read asks here, and what tells beforehand where it leads."""

# What results held a list of before they held one, by its key now; documents of that time still read it.
_OLDER = {"snippets": "snippet"}


def older_key(key: object) -> str | None:
    """The key whose value, alone in a list, a read of this one gives where this one is not there."""
    return _OLDER.get(key) if type(key) is str else None


def meant_by(key: str) -> tuple[str, ...]:
    """All keys whose values a read of this one may give."""
    older = older_key(key)
    return (key,) if older is None else (key, older)
