"""What the segmenter publishes for a camera."""
