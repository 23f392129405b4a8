"""Interventions carried out on a model or its text, with placebos and what they do."""
