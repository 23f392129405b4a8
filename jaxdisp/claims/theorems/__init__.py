"""Theorems: as the notes state them, where they break, and the strongest that hold."""
