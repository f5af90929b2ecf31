"""Recipes of the part on semi-supervision."""
