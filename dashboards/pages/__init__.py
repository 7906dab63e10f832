"""The live dashboard: a Dash app over the questions."""
