"""A walk through sqlmem on generated data: `python -m demo`."""
