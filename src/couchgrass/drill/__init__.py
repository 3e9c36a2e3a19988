"""Breaking things on purpose: what can be broken, and what is seen while it is."""
