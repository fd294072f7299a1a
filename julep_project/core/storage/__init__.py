"""Contents outside the database."""
