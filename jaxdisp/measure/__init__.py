"""What quantization costs each language, from parallel text."""
