"""Recipes of the part on diffusion models."""
