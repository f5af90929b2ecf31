"""Lecture slides of a chapter."""
