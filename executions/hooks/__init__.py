"""Addresses of ours that others call: each call starts a task, records an event or answers a wait."""
