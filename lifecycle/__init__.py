"""What the notebooks call: data, training, evaluation, registry, endpoint, deploy.

Works with the AWS that the environment leads to, and knows nothing of the runner.
"""

# The stages before "deploy", in their order: they determine the trained model, and an
# approval binds what each of them left for the reviewer.
TRAINING_STAGES = ("prepare", "train-register")
