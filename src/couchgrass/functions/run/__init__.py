"""Invocations under way: the pool of processes, sequences, conductors, triggers, feeds."""
