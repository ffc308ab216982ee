"""CircleCI: which models a change affects, and the config that runs their jobs."""
