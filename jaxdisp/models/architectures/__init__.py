"""Families of decoders, one module each, behind the seam of `decoder.Architecture`."""
