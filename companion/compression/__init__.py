"""Compression: a model of the data, turned into bytes and back."""
