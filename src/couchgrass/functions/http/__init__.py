"""The REST API and web actions."""
