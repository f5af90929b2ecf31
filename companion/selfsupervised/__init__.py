"""Labels that the data have within them: words from their neighbours."""
