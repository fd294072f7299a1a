"""The task language, tested with programs: task, input, scripted replies, expected log and output."""
