"""CloudWatch, whose alarms guard deployments."""
