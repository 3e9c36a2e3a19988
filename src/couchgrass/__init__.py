"""couchgrass keeps a serverless app running when a region dies."""

__version__ = "0.1.0"
