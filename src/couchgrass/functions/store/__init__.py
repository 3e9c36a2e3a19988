"""Where entities, keys, code and activation records are kept."""
