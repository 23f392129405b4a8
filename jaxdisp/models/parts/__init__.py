"""What decoders are composed of: pure functions on hidden states."""
