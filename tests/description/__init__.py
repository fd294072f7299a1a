"""The API description, held against what the server does."""
