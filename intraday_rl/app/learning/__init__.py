"""How a run learns: what it starts from, who listens, what is kept on the way."""
