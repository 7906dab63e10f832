"""From result rows to the frames that are shown: pure functions, and the reader before them."""
