"""What a drill does to processes, wires and databases."""
