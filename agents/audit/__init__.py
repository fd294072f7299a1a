"""Who did what to which object: rows that nobody can change afterwards."""
