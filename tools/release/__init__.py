"""Before others get it: Binder's steps, fresh machines, publishing."""
