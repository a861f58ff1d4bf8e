"""Validation, calibration and protocols: what trained weights are worth."""
