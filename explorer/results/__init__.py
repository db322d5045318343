"""What is known of runs and classes, in order for people to read. No Textual."""
