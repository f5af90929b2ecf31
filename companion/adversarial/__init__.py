"""Adversarial models: evaluation, GANs, conditions, inversion."""
