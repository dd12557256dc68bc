"""What was judged, registered: the count behind the deflated Sharpe ratio."""
