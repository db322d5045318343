"""The settings of each defense: one frozen dataclass, checked on entry, with a docstring for every field."""

from dataclasses import dataclass

from engine.validation import coerce_fields, require, require_known


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Optimiser, schedule and batches: all that natural training needs."""

    steps: int
    """Optimiser updates; in a sweep also a rule of the capacity such as `1000 * capacity^0.5`."""
    steps_rule: str = ""
    """The rule that the steps follow, of a sweep that has one; never written by hand."""
    batch_size: int
    """Images per update; the incomplete last batch of a pass is dropped."""
    optimizer: str
    """`adam`, or `sgd` with the momentum below."""
    learning_rate: float
    milestones: tuple[int, ...] = ()
    """Steps after which the next factor applies; at the milestone itself the old rate still holds."""
    factors: tuple[float, ...] = ()
    """Learning rate relative to the first one, after each milestone."""
    momentum: float = 0.9
    """SGD only, without Nesterov."""
    weight_decay: float = 0.0
    """Factor w of w/2 * ||kernel||^2 added to the mean loss."""
    decays: str = "kernels"
    """`kernels`: weights of two dimensions or more; `all`: also biases and BatchNorm's, as plain PyTorch code does."""
    augmentation: str = "none"
    """`none`, or `crop-flip`: pad with zeros, random crop, random horizontal flip."""
    padding: int = 2
    """Pixels a side that `crop-flip` pads."""
    precision: str = "float32"
    """`float32`; `tf32` on CUDA; `bfloat16` autocast on CUDA and CPUs with AMX or AVX512-BF16, else float32, said.

    Sign steps, clamps and evaluation stay float32.
    """
    channels_last: bool = False
    """Memory layout of images and kernels; on a CPU that of the families that are faster so in any case."""
    initialisation: str = "default"
    """`default`: what the network's family says. Else biases are zero, and kernels `orthogonal` or `ibp`.

    The latter keep intervals narrow (Shi et al. 2021), and signals small: deep networks without BatchNorm learn slowly.
    """
    gradient_clip: float = 0.0
    """Largest l2 norm of an update's gradient; 0 leaves it as it is."""
    label_smoothing: float = 0.0
    """Share of each label that is spread evenly over all classes (Szegedy et al. 2016)."""
    dropout: float = 0.0
    """Chance of each input of the last linear layer to be left out at an update (Srivastava et al. 2014)."""
    stop_after: int = 0
    """Updates after which training ends early, on the schedule of all `steps`; 0: none."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        coerce_fields(self)
        for field in ("steps", "batch_size"):
            require(getattr(self, field) >= 1, field, getattr(self, field), "1 or more")
        require_known("optimizer", self.optimizer, ("adam", "sgd"))
        require(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        require(list(self.milestones) == sorted(set(self.milestones)), "milestones", self.milestones, "growing steps")
        require(
            len(self.factors) == len(self.milestones),
            "factors",
            self.factors,
            f"one for each of the {len(self.milestones)} milestones",
        )
        require(0 <= self.momentum < 1, "momentum", self.momentum, "0 to below 1")
        require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        require_known("decays", self.decays, ("kernels", "all"))
        require_known("augmentation", self.augmentation, ("none", "crop-flip"))
        require(1 <= self.padding <= 1024, "padding", self.padding, "1 to 1024")
        for field, used in (("decays", self.weight_decay > 0), ("padding", self.augmentation == "crop-flip")):
            if not used:  # it says nothing, and makes no other run
                object.__setattr__(self, field, getattr(Recipe, field))
        require_known("precision", self.precision, ("float32", "tf32", "bfloat16"))
        require_known("initialisation", self.initialisation, ("default", "orthogonal", "ibp"))
        require(self.gradient_clip >= 0, "gradient_clip", self.gradient_clip, "0 or more")
        require(0 <= self.label_smoothing < 1, "label_smoothing", self.label_smoothing, "0 to below 1")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "0 to below 1")
        early = 0 <= self.stop_after < self.steps
        require(early, "stop_after", self.stop_after, f"0 (all steps) to below steps ({self.steps})")

    @property
    def updates(self) -> int:
        """Optimiser updates that are made."""
        return self.stop_after or self.steps

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of the update number `step`, counted from 0."""
        passed = sum(step > milestone for milestone in self.milestones)
        return self.learning_rate * (self.factors[passed - 1] if passed else 1.0)

    @property
    def passes_per_image(self) -> float:
        """Forward and backward passes that one training image costs; a backward to the weights counts one more."""
        return 3.0


@dataclass(frozen=True, kw_only=True)
class RobustRecipe(Recipe):
    """What robust training has in common: it may leave a part of the images to natural training."""

    robust_share: float = 1.0
    """Share of the images that this defense trains on; the others count with their plain cross-entropy."""
    share_of: str = "batch"
    """`batch`: of every batch, so each image is in turn either; `data`: the same images throughout, drawn by seed."""

    def __post_init__(self) -> None:
        """Refuse shares that leave nothing robust."""
        super().__post_init__()
        require(0 < self.robust_share <= 1, "robust_share", self.robust_share, "above 0, at most 1")
        require_known("share_of", self.share_of, ("batch", "data"))
        if self.robust_share == 1:
            object.__setattr__(self, "share_of", "batch")  # all of the data is all of every batch


@dataclass(frozen=True, kw_only=True)
class AttackingRecipe(RobustRecipe):
    """Training on examples that an attack makes against the current model."""

    attack_steps: int = 10
    attack_batchnorm: str = "eval"
    """`train`: BatchNorm uses and updates batch statistics inside the attack, as the paper's CIFAR-10 code; `eval`.

    Dropout acts in neither.
    """

    def __post_init__(self) -> None:
        """Refuse an attack without steps."""
        super().__post_init__()
        require(self.attack_steps >= 1, "attack_steps", self.attack_steps, "1 or more")
        require_known("attack_batchnorm", self.attack_batchnorm, ("train", "eval"))

    @property
    def passes_per_image(self) -> float:
        """One forward and one backward to the input for each attack step, then a training step."""
        return 2.0 * self.attack_steps + 3.0


@dataclass(frozen=True, kw_only=True)
class BallRecipe(AttackingRecipe):
    """Attacks by sign steps within an epsilon ball that may grow at first."""

    attack_step_size: float = 0.2
    """Step size as a multiple of the epsilon in force."""
    epsilon_warmup: int = 0
    """Updates over which epsilon grows linearly from 0 to its value."""

    def __post_init__(self) -> None:
        """Refuse steps that go nowhere."""
        super().__post_init__()
        require(self.attack_step_size > 0, "attack_step_size", self.attack_step_size, "above 0")
        require(self.epsilon_warmup >= 0, "epsilon_warmup", self.epsilon_warmup, "0 or more")

    def epsilon_at(self, step: int, epsilon: float) -> float:
        """Attack budget of the update number `step`, counted from 0; the full one from the end of the warm-up on."""
        if step >= self.epsilon_warmup:
            return epsilon
        return epsilon * step / max(self.epsilon_warmup - 1, 1)


@dataclass(frozen=True, kw_only=True)
class PGDRecipe(BallRecipe):
    """Adversarial training on untargeted PGD examples only (Madry et al. 2018; protocol B1)."""

    random_start: bool = True
    """Start uniformly in the epsilon ball instead of at the image."""
    clip_start: bool = True
    """Keep the random start within [0, 1]; the paper's Yale and Fashion-MNIST code clips after the first step only."""


@dataclass(frozen=True, kw_only=True)
class TRADESRecipe(BallRecipe):
    """Difference-based training (TRADES, Zhang et al. 2019; protocol B3)."""

    beta: float = 1.0
    """Weight of the divergence; the paper's, where the inventors took 6 for CIFAR-10."""
    clean_gradient: bool = True
    """Let the divergence move the clean answers too, as its inventors do; the paper's code does not."""

    def __post_init__(self) -> None:
        """Refuse a divergence that is rewarded."""
        super().__post_init__()
        require(self.beta >= 0, "beta", self.beta, "0 or more")


@dataclass(frozen=True, kw_only=True)
class DistributionalRecipe(AttackingRecipe):
    """Distributional training (Sinha et al. 2018; protocol B2): no epsilon, but a price on moving away in l1.

    The epsilon of its experiments is only the one that they are evaluated at.
    """

    ascent: float = 1.0
    """Factor of the gradient of each image's cross-entropy to its pixels."""
    gamma_rule: str = "fixed"
    """`fixed`: the Lagrangian's penalty is `gamma`; `batch-mean`, the authors': the mean of |gradient| over a batch."""
    gamma: float = 0.001
    """Price of moving a pixel, in units of the gradient times `ascent`; what it pays less for stays where it is."""

    def __post_init__(self) -> None:
        """Refuse rewards for moving."""
        super().__post_init__()
        require(self.ascent > 0, "ascent", self.ascent, "above 0")
        require_known("gamma_rule", self.gamma_rule, ("fixed", "batch-mean"))
        require(self.gamma >= 0, "gamma", self.gamma, "0 or more")


@dataclass(frozen=True, kw_only=True)
class VerifiableRecipe(RobustRecipe):
    """What the verifiable defenses have in common: the box they train on grows while they learn."""

    ramp_start: int = 0
    """Update from which the share of the box and of its loss grows linearly from 0 to 1."""
    ramp_end: int = 0
    """Update from which the share is 1."""
    ramp_power: float = 1.0
    """Epsilon grows as this power of the share: 1 is the papers' straight line; more begins slowly, for fast rates."""
    clip_input: bool = True
    """Cut the box to pixels in [0, 1], as the attacker is."""

    def __post_init__(self) -> None:
        """Refuse a ramp that ends before it starts."""
        super().__post_init__()
        require(self.ramp_start >= 0, "ramp_start", self.ramp_start, "0 or more")
        require(self.ramp_end >= self.ramp_start, "ramp_end", self.ramp_end, f"ramp_start ({self.ramp_start}) or more")
        require(self.ramp_power > 0, "ramp_power", self.ramp_power, "above 0")
        allowed = "0, since verifiable defenses train on whole labels and networks"
        for name in ("label_smoothing", "dropout"):
            require(getattr(self, name) == 0, name, getattr(self, name), allowed)

    def share(self, step: int) -> float:
        """0 to 1 at the update number `step`, counted from 0."""
        if step >= self.ramp_end:
            return 1.0
        return max(0.0, (step - self.ramp_start) / (self.ramp_end - self.ramp_start))

    def epsilon_at(self, step: int, epsilon: float) -> float:
        """Radius of the box at the update number `step`."""
        return epsilon * self.share(step) ** self.ramp_power

    @property
    def passes_per_image(self) -> float:
        """A training step, and one for the two ends of the intervals."""
        return 8.0


@dataclass(frozen=True, kw_only=True)
class IBPRecipe(VerifiableRecipe):
    """Interval bound propagation (Gowal et al. 2018; protocol B6): epsilon and the certified loss's share both grow."""

    kappa: float = 0.5
    """Share of the plain cross-entropy in the end; it begins at 1."""

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        super().__post_init__()
        require(0 <= self.kappa <= 1, "kappa", self.kappa, "0 to 1")

    def kappa_at(self, step: int) -> float:
        """Share of the plain cross-entropy at the update number `step`, counted from 0."""
        return 1 - (1 - self.kappa) * self.share(step)


@dataclass(frozen=True, kw_only=True)
class AbstractRecipe(VerifiableRecipe):
    """DiffAI with boxes (Mirman et al. 2018; protocol B5): the plain loss, then a saturating certified term beside."""

    clip_input: bool = False
    robust_weight: float = 0.2
    """Weight of the certified term; the plain cross-entropy's is 1, and the sum is divided by both."""
    robust_start: int = 0
    """Update from which the certified term counts."""
    evaluation_boxes: int = 0
    """Boxes by which the authors' evaluation after each pass advanced their ramp, which counts boxes (protocol G14).

    Yale 50, Fashion-MNIST 100 make the ramp of the published models; 0 the intended one.
    """

    def __post_init__(self) -> None:
        """Refuse weights and counts below 0."""
        super().__post_init__()
        for name in ("robust_weight", "robust_start", "evaluation_boxes"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")

    def share(self, step: int) -> float:
        """Never below 1/30; a pass over the data is one thirtieth of the ramp."""
        batches = max((self.ramp_end - self.ramp_start) / 30, 1.0)
        return max(1 / 30, super().share(step + self.evaluation_boxes * int(step / batches)))


@dataclass(frozen=True, kw_only=True)
class DualRecipe(VerifiableRecipe):
    """Certified cross-entropy by the dual bound (Wong and Kolter 2018; Wong et al. 2018; protocol B4)."""

    projections: int = 50
    """Random projections that estimate the bound."""
    rivals: int = 0
    """Wrong classes whose margins count at each update, those nearest to winning; 0: all, as in the papers."""
    epsilon_first: float = 0.0
    """Budget at which the ramp begins."""
    kappa: float = 0.0
    """Share of the plain cross-entropy in the end, beginning at 1; at 0, the paper's, it never counts.

    On few steps the certified loss alone wipes out what a small network has learned.
    """

    def __post_init__(self) -> None:
        """Refuse estimates from nothing."""
        super().__post_init__()
        require(self.projections >= 1, "projections", self.projections, "1 or more")
        require(self.rivals >= 0, "rivals", self.rivals, "0 (all wrong classes) or more")
        require(self.epsilon_first >= 0, "epsilon_first", self.epsilon_first, "0 or more")
        require(0 <= self.kappa <= 1, "kappa", self.kappa, "0 to 1")

    def epsilon_at(self, step: int, epsilon: float) -> float:
        """From the first budget on."""
        return self.epsilon_first + super().epsilon_at(step, epsilon - self.epsilon_first)

    def kappa_at(self, step: int) -> float:
        """Share of the plain cross-entropy at the update number `step`, counted from 0."""
        return 1 - (1 - self.kappa) * self.share(step) if self.kappa else 0.0

    @property
    def passes_per_image(self) -> float:
        """A training step for the centre and one for each projection."""
        return 3.0 * (self.projections + 1)


@dataclass(frozen=True, kw_only=True)
class PretrainedRecipe(Recipe):
    """Weights that come trained: nothing is trained, so of a recipe only the file is left."""

    weights: str = ""
    """A state dict of the network: what `torch.save` wrote, or safetensors. Where it lies changes no result."""
    fingerprint: str = ""
    """Hash of that file."""
    steps: int = 0
    batch_size: int = 1
    optimizer: str = "adam"
    learning_rate: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings of a training that does not happen."""
        coerce_fields(self)
        require(bool(self.weights), "weights", self.weights, 'a file, such as weights = "model.pt" under [recipe]')
