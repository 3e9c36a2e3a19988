"""The wires between regions, which a drill can cut."""
