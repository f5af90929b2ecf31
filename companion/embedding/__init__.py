"""Part: embedding."""
