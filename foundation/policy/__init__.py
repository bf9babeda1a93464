"""Who may do what to which object: Cedar policies as files, decided here and nowhere else."""
