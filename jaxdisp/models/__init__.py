"""Decoders as pure functions: loading, running, quantizing, training, saving."""
