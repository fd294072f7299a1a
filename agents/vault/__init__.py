"""Secrets of developers: kept sealed, and opened only for the call that names them."""
