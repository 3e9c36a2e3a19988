"""Looks at what runs, and runs drills."""
