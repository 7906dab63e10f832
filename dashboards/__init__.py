"""Room for dashboards: they will read results, and nothing of the code here will depend on them."""
