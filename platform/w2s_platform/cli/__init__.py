"""The `w2s` command: one small module per command, and pure functions that draw what they print."""
