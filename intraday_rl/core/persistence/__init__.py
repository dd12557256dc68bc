"""Setting aside what an object is at one moment, and becoming that again: files, arrays and random generators."""
