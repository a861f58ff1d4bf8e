"""What the node counts and reports of itself."""
