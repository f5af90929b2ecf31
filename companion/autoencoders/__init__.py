"""Autoencoders: a network that copies its input through a code."""
