"""Charts: from what is known and chosen to lines of text."""
