"""One region on one machine: its file, its processes, and the supervisor that keeps them running."""
