"""STS: moto's, whose roles exist."""
