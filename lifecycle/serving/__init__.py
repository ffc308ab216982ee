"""How a version is hosted: variants, endpoint configs, and the settings AWS refuses."""
