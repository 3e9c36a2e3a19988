"""Processes that run actions: sandboxes, Python, Node.js, and runtimes that are reached by URL."""
