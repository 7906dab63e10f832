"""From a store to numbers: where a sweep stands, its result rows, and their summaries."""
