"""Work outside the database, between "requested" and "result"."""
