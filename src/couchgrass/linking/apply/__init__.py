"""What linking does on servers: looks, makes and takes away, waits, proves."""
