"""Figures of the experiments, one module each, and what is shown of them."""
