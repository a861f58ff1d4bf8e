"""Mixed-content batches: crops, photometric change, cut-outs and pasting."""
