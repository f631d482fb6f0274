"""The rows of an export, and what describes them: samples, columns, card."""
