"""The subcommands of `mia-explore`, by what they are about."""
