"""What must not be told, reached or entered."""
