"""Decoders as pure functions: loading, running, quantizing, training, saving."""

from jaxdisp.models.model import Model, load, logits
from jaxdisp.models.quantized import Quantizer, quantize

__all__ = ["Model", "Quantizer", "load", "logits", "quantize"]
