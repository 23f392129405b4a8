"""jaxdisp: what quantization costs each language of a multilingual language model."""

__version__ = "0.1.0"
