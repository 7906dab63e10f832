"""From frames to plotly figures: pure functions."""
