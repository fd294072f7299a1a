"""Runs beside each other: what each gave, step by step, and what it took."""
