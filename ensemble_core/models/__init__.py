"""Loading, cutting and adapting pretrained causal language models."""
