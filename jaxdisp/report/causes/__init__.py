"""Causes: the analysis of T, A, R and D, interventions, and how both are shown."""
