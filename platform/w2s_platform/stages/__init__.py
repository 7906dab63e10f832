"""What each kind of stage does, and how one is run, once, under a lease."""
