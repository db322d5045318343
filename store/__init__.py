"""The project's database: one DuckDB file behind the engine service. Importing the package alone loads no duckdb."""
