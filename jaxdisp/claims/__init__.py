"""Hypotheses about quantization, each as a measurement with a verdict."""
