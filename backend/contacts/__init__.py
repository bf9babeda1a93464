"""How the person behind a report is reached: sealed, opened for a purpose."""
