"""Labels that the data have within them: a turn, a neighbour, a second view, the next moment."""
