"""Submissions are run in a sandbox and graded."""
