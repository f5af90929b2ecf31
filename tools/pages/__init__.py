"""What the pages of the book say and use."""
