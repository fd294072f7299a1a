"""How long rows are kept, and what removes those that are older."""
