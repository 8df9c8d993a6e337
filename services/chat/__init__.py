"""Questions into answers: their sources, their words, their citations, their log."""
