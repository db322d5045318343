"""The methods that bound a model's answers, the cheapest first."""

from engine.registry.rows import CertificationRow, Registry

_LIRPA = ("auto_LiRPA", "appdirs", "tqdm")
CERTIFICATIONS = Registry(
    "certifications",
    CertificationRow(name="ibp", words="interval bound propagation", passes=3.0),
    CertificationRow(name="crown-ibp", words="CROWN-IBP (auto_LiRPA)", passes=100.0, needs=_LIRPA),
    CertificationRow(name="dual", words="the dual bound", passes=1000.0),
    CertificationRow(name="crown", words="CROWN (auto_LiRPA)", passes=8000.0, needs=_LIRPA),
    CertificationRow(name="alpha-crown", words="alpha-CROWN (auto_LiRPA)", passes=10000.0, needs=_LIRPA),
)
