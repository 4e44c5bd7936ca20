"""Measure what the performance claims are based on."""
