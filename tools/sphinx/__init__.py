"""The course's Sphinx extensions."""
