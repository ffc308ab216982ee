"""Executes each model's notebooks with Papermill, on a laptop or on SageMaker."""

from lifecycle import TRAINING_STAGES

# The stages of a model, in the order in which they run.
STAGES = (*TRAINING_STAGES, "deploy")
