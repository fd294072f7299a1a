"""Keys of model providers that developers keep as secrets."""
