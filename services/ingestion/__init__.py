"""Ingestion: how workers turn documents into searchable passages."""
