"""Client for any OpenWhisk: ours, Apache's, or one that a provider runs."""
