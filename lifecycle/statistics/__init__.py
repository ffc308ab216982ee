"""What the test rows show of a model, and how surely."""
