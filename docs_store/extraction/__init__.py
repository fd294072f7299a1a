"""Texts of files, read in a process of its own that has bounds, and neither Django nor anything to lose."""
