"""A normalizing flow that learns to make negatives at the border of what the segmenter knows."""
