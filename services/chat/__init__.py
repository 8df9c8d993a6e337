"""Answering of questions: sources, generation, citations, and the log of events."""
