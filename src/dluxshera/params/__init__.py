"""Parameters: which exist, where their values live, how derived ones follow. Knows nothing of optics."""
