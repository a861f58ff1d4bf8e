"""Where the ranges of a frame come from."""
