"""Our estimators beside the libraries', on the same data, in one process, on one thread."""
