"""What runs in an image's own Python: the standard library alone is imported here."""
