"""What is fitted on earlier sessions, and on the training sessions, and handed to the pass."""
