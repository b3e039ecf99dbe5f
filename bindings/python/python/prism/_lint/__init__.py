"""Reads programs without executing them, and says what they would meet in a run."""

from .examining import examine as examine
from .source import LONGEST as LONGEST
from .source import Program as Program
