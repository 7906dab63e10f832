"""What an analyst opens: a live dashboard and a report in one file, both made of results alone."""
