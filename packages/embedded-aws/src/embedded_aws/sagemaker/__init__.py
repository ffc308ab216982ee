"""A SageMaker that trains, registers, deploys and fails for real."""
