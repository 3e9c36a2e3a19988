"""Links: two servers set up to replicate databases between them, looked at, and separated again."""
