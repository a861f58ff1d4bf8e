"""The loop of a training run, its state, log and checkpoints."""
