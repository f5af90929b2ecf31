"""Energies, scores and diffusion: models that turn noise into data a little at a time."""
