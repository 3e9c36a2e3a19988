"""Benchmarks: each is a module to run, prints JSON, and measures a peer in the same run."""
