"""Types of contrib: see its modules."""
