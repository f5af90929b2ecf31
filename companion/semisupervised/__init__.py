"""A few labels and many examples without: self-training, consistency, alignment, weak votes."""
