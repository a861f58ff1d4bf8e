"""Training, evaluation and data sets. Imports the core and the models; the node never imports this package."""
