"""What the registry holds of a version: its package, its digest, its card."""
