"""Energies, scores and diffusion."""
