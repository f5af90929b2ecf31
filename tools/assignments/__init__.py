"""Assignments: built from chapters or private sets, graded in a sandbox, exported for a course."""
