"""Task cards: declarative question sets, their sources, splits and slices."""
