"""Where parallel text comes from: plain directories and published collections."""
