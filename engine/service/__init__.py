"""The engine service: one process per project that owns the database, runs jobs and answers clients; never torch."""
