"""The command line, and the one place where objects are put together."""
