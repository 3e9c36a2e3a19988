"""Drills: real load, something breaks, and a report of what was lost."""
