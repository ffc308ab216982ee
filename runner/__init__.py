"""Executes each model's notebooks with Papermill, on a laptop or on SageMaker."""

# The stages of a model, in the order in which they run.
STAGES = ("prepare", "train-register", "deploy")
# Those that determine the trained model.
TRAINING_STAGES = STAGES[:2]
