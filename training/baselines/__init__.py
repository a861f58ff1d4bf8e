"""Anomaly scores of other papers that need more than the logits of one pass: for evaluation, never live.

`baselines` lists them. A score is a pure function; what it needs of training pixels is gathered by a `Fitting`, picture
by picture, kept in a file of tensors (`statistics_file`) and bound to the score before an evaluation.
"""
