"""What training practises and how hard: stages, and weights of regimes."""
