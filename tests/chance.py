"""Exact bounds of what luck may do to a count, with the rate at which they are broken where nothing is wrong.

With fixed seeds that is settled once: such an alarm can only come with a change of what is drawn.
"""

from scipy.stats import binom


def fewest(repeats, share, alarm=0.02):
    """The lowest count allowed of what happens in `share` of all repeats, or more often; fewer with P < `alarm`."""
    return int(binom.ppf(alarm, repeats, share))


def most(repeats, share, alarm=0.02):
    """The highest count allowed of what happens in `share` of all repeats, or less often; more with P <= `alarm`."""
    return int(binom.isf(alarm, repeats, share))
