"""The published clients, against running processes."""
