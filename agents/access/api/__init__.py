"""`/api_keys`."""
