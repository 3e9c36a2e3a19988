"""What regions that run together have on disk beside their own folders, and how they are looked at."""
