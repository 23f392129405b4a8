"""Resampling, intervals and tests: knows nothing of languages or models."""
