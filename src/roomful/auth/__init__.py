"""Who somebody is and what it may do: token text ↔ Grant. Pure: time and keys are arguments."""
