"""The classifier behind Fréchet distances."""
