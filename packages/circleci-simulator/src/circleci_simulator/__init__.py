"""CircleCI read offline: a checker for its configs and a simulator of its pipelines."""
