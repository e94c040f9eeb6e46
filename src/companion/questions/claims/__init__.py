"""What can be said about a picture: for each option of a question a sentence that asserts it, written by rules."""
