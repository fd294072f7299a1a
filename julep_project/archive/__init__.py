"""All that belongs to a developer in one file, and back from there; the format is in `docs/data-protection.md`."""
