"""A region's agent: it keeps the links to other regions, and answers for health and metrics."""
