"""Records: a data key each, opened by one function whose condition repeats what was decided on."""
