"""Background work: ingestion jobs, and the duties that clean up."""
