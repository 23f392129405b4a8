"""Grids of integer codes, thresholds, and the error of rounding to them."""
