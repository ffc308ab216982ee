"""Models of tables that nobody has looked at yet: notebook, spec and model card."""
