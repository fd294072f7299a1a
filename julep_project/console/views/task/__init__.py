"""A task: how its runs go, and starting one."""
