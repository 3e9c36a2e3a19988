"""What the server answers about replications: ``_replicate`` and ``_scheduler``."""
