"""What the runner does when something goes wrong, and the document of it."""
