"""Error budgets: documents of terms, and what each term does to the answer, computed."""
