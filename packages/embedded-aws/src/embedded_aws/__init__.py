"""An AWS that runs on this machine: moto, with a SageMaker that really works."""
