"""A project as seen from here: its engine, its results, how far it is, and what can be asked of it. No Textual."""
