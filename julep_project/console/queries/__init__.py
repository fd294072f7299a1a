"""What pages read: statements over the rows of all developers, each bounded and answered by an index."""
