"""Part: inference."""
