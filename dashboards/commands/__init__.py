"""`w2s report` and `w2s dashboard`, found by the command line through their entry points."""
