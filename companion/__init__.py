"""Learning Without Labels: the algorithms of the course, short, readable and tested."""
