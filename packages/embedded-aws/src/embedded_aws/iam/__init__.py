"""IAM: everything is allowed, and the execution role exists."""
