"""The operators' console: pages on the admin site that say what runs do, why, and let staff act."""
