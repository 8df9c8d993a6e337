"""Background work: ingestion jobs, and the sweeper that lets nothing be forgotten."""
