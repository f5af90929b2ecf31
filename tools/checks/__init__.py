"""What a change, a chapter and a run of all checks cost."""
