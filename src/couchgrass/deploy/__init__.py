"""Apps of an OpenWhisk manifest, put into every region."""
