"""What reports show beside the figures: curves, histograms, and the best and worst pictures."""
