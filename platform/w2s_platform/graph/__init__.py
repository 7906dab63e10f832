"""From a sweep's cells to the graph of stages that they share."""
