"""How each committed checkpoint is made: a package a part, a `Recipe` a model."""
