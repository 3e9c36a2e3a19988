"""Tenants, public keys and users in the region's database; the private key in a file."""
