"""What tools say of their calls."""
