"""Figures of a run that need tables of their own: rows from results, then a figure."""
