"""Part 4: inference."""
