"""Pages written from the tables of the figures: the README’s numbers, FINDINGS.md, the teacher’s tables."""
