"""Directives of the course's pages, and what they read."""
