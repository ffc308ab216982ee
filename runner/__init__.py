"""The thin runner: it executes each model's notebooks and keeps what they did."""
