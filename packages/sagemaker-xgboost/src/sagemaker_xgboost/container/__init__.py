"""SageMaker's built-in XGBoost image in algorithm mode, without Docker."""
