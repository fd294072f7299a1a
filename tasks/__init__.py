"""Task definitions and their language."""
