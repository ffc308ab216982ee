"""InvokeEndpoint, answered by the models in service."""
