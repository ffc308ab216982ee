"""The stages that every model goes through, in their order."""

STAGES = ("prepare", "train-register", "deploy")
