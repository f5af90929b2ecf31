"""Flows: densities by a change of variables, through maps that can be undone."""
