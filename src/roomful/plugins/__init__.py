"""What users plug in: their Python hooks."""
