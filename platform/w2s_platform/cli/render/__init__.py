"""From plain results to what a terminal, a file or a paper shows; nothing here reads a store."""
