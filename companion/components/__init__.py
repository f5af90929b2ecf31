"""Part: components."""
