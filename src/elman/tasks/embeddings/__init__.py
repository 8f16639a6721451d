"""Word vectors: training, and what can be asked of them."""
