"""Reproduces the evaluation of Minding the Baby and says which of its numbers to believe."""
