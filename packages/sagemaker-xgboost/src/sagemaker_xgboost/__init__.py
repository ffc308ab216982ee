"""The hyperparameters of SageMaker's built-in XGBoost: known without AWS.

`model.yaml` is checked by them, and the container of the embedded AWS refuses by them.
"""
