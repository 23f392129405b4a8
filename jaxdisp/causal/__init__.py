"""Causes of degradation: a structural model, its posterior, and interventions."""
