"""The CouchDB HTTP API."""
