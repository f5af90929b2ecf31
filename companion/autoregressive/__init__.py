"""Autoregressive models: the chain rule of probability, one conditional at a time."""
