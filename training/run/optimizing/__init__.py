"""Optimisers and their learning rates."""
