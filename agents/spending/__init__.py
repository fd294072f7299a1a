"""Money: the account of every call of a model, limits on what may be spent, and what was used."""
