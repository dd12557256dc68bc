"""What a sweep comes to: its front, how sure it is, and the table and page that show it."""
