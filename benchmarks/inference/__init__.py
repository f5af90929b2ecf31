"""Part 1: clustering."""
