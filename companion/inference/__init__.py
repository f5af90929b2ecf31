"""What follows from what was seen: graphs, samples, approximations."""
