"""Recipes of the diffusion models' checkpoints."""
