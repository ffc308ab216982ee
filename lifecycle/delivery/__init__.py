"""One deployment: what changes, how it is brought into service, and why it failed."""
