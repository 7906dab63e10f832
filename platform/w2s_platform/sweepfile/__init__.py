"""Sweep files: the YAML that people write, checked, and expanded into cells."""
