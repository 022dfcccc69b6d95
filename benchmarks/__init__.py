"""Timings of sqlmem against what it stands in front of, and against the least it could cost."""
