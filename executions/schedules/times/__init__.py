"""When schedules fire: plain Python, which looks at no clock and knows of no database."""
