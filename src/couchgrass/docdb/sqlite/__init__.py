"""One SQLite file a database: one writer, many readers."""
