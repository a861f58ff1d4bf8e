"""The loop of a training run, its state, schedule, log and checkpoints."""
