"""The report: the same questions, as one HTML file."""
