"""IAM: moto's, with the execution role, and simulations of what policies allow."""
