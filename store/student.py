"""Student's t: how far the 95 % interval of a mean over few seeds reaches, for the SQL of the store and for Python."""

from statistics import NormalDist

Z = 1.959963984540054
T = (
    *(12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146),
    *(2.4469118511449786, 2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274),
    *(2.200985160091639, 2.1788128296672284, 2.1603686564627913, 2.144786687917804, 2.131449545559776),
    *(2.1199052992212546, 2.1098155778333156, 2.1009220402410382, 2.0930240544083087, 2.085963447265864),
    *(2.0796138447276795, 2.0738730679040254, 2.0686576104190486, 2.0638985616280245, 2.0595385527532972),
    *(2.0555294386428735, 2.0518305164802846, 2.0484071417952454, 2.045229642132703, 2.0422724563012378),
)
"""Two-sided 95 % points for 1 to 30 degrees of freedom."""


def _expansion(z: float) -> tuple[float, ...]:
    """What is added to a point of the normal law, over the degrees of freedom to the power of 1, 2 and 3."""
    return (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384


EXPANSION = _expansion(Z)
"""Of the 95 % point above that table (Abramowitz and Stegun 26.7.5)."""


def t_point(chance: float, freedom: int) -> float:
    """What t exceeds, on either side, by that chance; from 3 degrees of freedom good to a few per cent."""
    z = NormalDist().inv_cdf(1 - chance / 2)
    return z + sum(term / freedom**power for power, term in enumerate(_expansion(z), start=1))


def t_95(freedom: int) -> float:
    """The two-sided 95 % point; good to 1e-6."""
    if freedom <= len(T):
        return T[freedom - 1]
    return Z + sum(term / freedom**power for power, term in enumerate(EXPANSION, start=1))
