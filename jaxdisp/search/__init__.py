"""Search: every protection set, exactly, and how good it really is."""
