"""The losses of mixed-content batches."""
