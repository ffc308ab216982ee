"""What the notebooks call: data, training, evaluation, registry, endpoint, deploy.

Works with the AWS that the environment leads to, and knows nothing of the runner.
"""
