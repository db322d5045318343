"""Membership inference by comparison with other models trained alike, whose members the attacker knows."""
