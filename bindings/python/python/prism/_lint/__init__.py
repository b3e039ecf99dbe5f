"""Reads programs without executing them, and says what they would meet in a run."""

from .examining import examine as examine
