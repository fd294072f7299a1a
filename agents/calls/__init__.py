"""What models and tools were asked and what they answered, for whoever has to find out why something went wrong."""
