"""Services of others that `integration` tools call, one module per provider."""
