"""The server side of the dashboard."""
