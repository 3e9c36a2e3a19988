"""Tests of a region's agent."""
