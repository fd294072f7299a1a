"""Tenants, agents, tools and the model gateway."""
