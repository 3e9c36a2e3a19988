"""Replication: two databases anywhere keep themselves equal."""
