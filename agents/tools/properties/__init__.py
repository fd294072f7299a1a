"""What a tool says of its calls, whatever kind it is of."""
