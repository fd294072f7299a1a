"""What the rows of a run say of how it went."""
