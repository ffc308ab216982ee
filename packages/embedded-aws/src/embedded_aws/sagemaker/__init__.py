"""A SageMaker that trains, registers, deploys, serves and fails for real."""
