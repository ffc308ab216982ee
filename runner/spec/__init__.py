"""A model as it is checked out: model.yaml, notebooks, and the identity of both."""
