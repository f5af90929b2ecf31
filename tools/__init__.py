"""The machinery of the course: running chapters, measuring them, exporting them. No algorithms."""
