"""A run of a model: planned, executed stage by stage, kept, and released."""
