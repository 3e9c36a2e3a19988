"""The gateway over HTTP: what is served, the connections to the functions, keys of issuers, management."""
