"""The figures of the page of a sweep as plain plotly.js descriptions (dicts that become JSON)."""
