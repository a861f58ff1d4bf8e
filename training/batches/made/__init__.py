"""Cut-outs and stains that are drawn, not taken from pictures of things."""
