"""Tests of what keeps links."""
