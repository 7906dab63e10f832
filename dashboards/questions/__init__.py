"""The analyst's questions: each turns what was read, and what was chosen, into blocks."""
