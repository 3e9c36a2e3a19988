"""The dashboard's HTTP."""
