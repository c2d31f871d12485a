"""Graphs: named pure functions of one another's results, evaluated as far as needed. Knows nothing of SHERA."""
