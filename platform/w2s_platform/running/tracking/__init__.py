"""Showing runs in TensorBoard, MLflow and Weights & Biases too, through Ray's own callbacks.

Trackers only look on: results are in the store, and no failure of a tracker reaches a run.
"""
