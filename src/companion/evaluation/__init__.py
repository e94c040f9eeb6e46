"""Asking and judging: `engine` turns questions into stored rows and rows into verdicts; `export` hands both on."""
