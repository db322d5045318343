"""The field's words in a few others: help finds them, and lists to choose from say them beside a name."""

from engine.registry import ATTACKS, CERTIFICATIONS, DATASETS, DEFENSES, NETWORKS, VIEWS
from explorer.results import marks, text

ORACLE = "the best threshold for the very examples it is reported on"
LUCK = "reaches with membership drawn by lot, mean and 95 %"
_OWN = {
    **{
        f"I_{text.LETTERS[view]}": f"inference accuracy of the confidence attack on {VIEWS[view].words}"
        for view in VIEWS
    },
    "member": "an image that the model was trained on; a non-member is one like it that was not",
    "membership inference": "to tell members from non-members by what a model answers",
    "inference accuracy": "the share of members and non-members that the attack tells right, both counted alike; "
    "a guess is 50 %",
    "advantage": "what is above a guess, doubled: 0 % is a guess, 100 % is certain",
    "AUC": "the chance that a member scores higher than a non-member, over all thresholds; a guess is 50 %",
    "TPR at 1 % FPR": "the share of members found where 1 % of the others are taken for members; a guess is 1 %",
    "TPR at 0.1 % FPR": "the same where 0.1 % of the others are: few members, but nearly surely",
    "TPR at 0.01 % FPR": "the same where 0.01 % of the others are; only many images resolve it",
    "ROC": "the share of members found (TPR) over the share of others taken for members (FPR), for every threshold",
    "oracle": f"{ORACLE}, as in the paper; optimistic, the more so the fewer they are",
    "held-out": "the threshold was chosen on other examples: what somebody who has to guess would reach",
    "by references": "the threshold comes from models trained alike on other members",
    "luck": f"what an oracle threshold {LUCK}",
    marks.NOT_TOLD_APART: marks.LIKE_GUESS,
    marks.WARNED: "a warning of the run speaks of the number: its page says which",
    "test accuracy": "the share of right answers to images that were not trained on",
    "adversarial test accuracy": "the same on images moved by an attack within its budget: robust accuracy",
    "adversarial train accuracy": "robust accuracy on the members; far above that on others, a model leaks",
    "certified test accuracy": "the share of others proven right for every image within the budget",
    "certified train accuracy": "the share of members proven right for every image within the budget",
    "calibration error": "how far confidence is from the share of right answers",
    "robust": "trained so that small changes of an image change no answer; natural: trained on the images as they are",
    "natural twin": "the natural run of the same images, network and capacity that a robust one is held against",
    "capacity": "the scale of a network's width",
    "epsilon": "the budget of an attack: how far each pixel may move, pixels being 0 to 1",
    "setting": "everything a run was asked for but the seed",
    "seed": "repeats of one setting; ± is their standard deviation",
    "population": "models of one setting that drew their members by their seeds, so that each is a reference to others",
    "references": "models trained alike that an attack compares with, some with the image and some without",
    "view": "what a model is asked for: benign, adversarial, targeted or certified answers",
    "exposed": "images that most attacks take for members, with their chance of being one",
    "training loss": "what training makes small, on the members",
    "accuracy": "the share of right answers while training goes on",
    "strategies": "what attacks by the paper's strategies find in each class",
    "scores": "what attacks by other scores find in each class",
    "differences": "how much more than natural training the best attack finds in each class",
    "training accuracy %": "the share of right answers on the members while training goes on",
    "test accuracy %": "the share of right answers on others while training goes on",
    "learning rate": "how large a step training takes",
}
_REGISTRIES = {
    **{"attack": ATTACKS, "view": VIEWS, "defense": DEFENSES, "certification": CERTIFICATIONS},
    **{"data set": DATASETS, "network": NETWORKS},
}


def terms() -> dict[str, str]:
    """Every word and what it means: the field's, then the names in the registry."""
    found = dict(_OWN)
    for kind, rows in _REGISTRIES.items():
        for name, row in rows.items():
            found[name if name not in found else f"{name} ({kind})"] = f"{kind}: {row.words}"
    return found


def meaning(*names: str) -> str:
    """What the first of these words means that is known; empty where none is."""
    found = terms()
    said = next((found[name] for name in names if name in found), "")
    return said.partition(": ")[2] if said.startswith(tuple(f"{kind}: " for kind in _REGISTRIES)) else said
