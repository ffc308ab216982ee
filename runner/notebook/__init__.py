"""One notebook: its parameters, its execution, and what is kept of it."""
