"""Who is studied: cohorts, their flow, and splits that cannot leak."""
