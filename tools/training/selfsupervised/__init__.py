"""Words from their neighbours."""
