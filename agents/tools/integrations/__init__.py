"""Services of others that `integration` tools call."""
