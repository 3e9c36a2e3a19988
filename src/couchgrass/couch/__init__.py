"""The client for any CouchDB: ours, Apache's, Cloudant, PouchDB's server."""
