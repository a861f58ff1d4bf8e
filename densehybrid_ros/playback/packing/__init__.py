"""Recorded drives packed into bags."""
