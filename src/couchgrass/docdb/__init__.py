"""The document database: compatible with CouchDB 3.5, durable and fast."""
