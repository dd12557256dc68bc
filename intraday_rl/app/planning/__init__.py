"""Parts of a plan that concern several others: they are checked against what else is composed."""
