"""Networks as public projects write them: standardised by constants, functional, residual, with dropout and pooling."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine import bounds
from engine.bounds import dual, interval, lirpa, zonotope
from engine.bounds.box import BoundError, box, difference_rows
from engine.evaluation.pgd import frozen, pgd
from engine.models import probability_outputs
from engine.registry import CERTIFICATIONS

MEAN, STD = [0.4, 0.5, 0.6], [0.2, -0.3, 0.25]  # a negative one: a division by it turns an interval round


def normalize():
    from torchvision.transforms import Normalize  # takes seconds, which only its tests need

    return Normalize(MEAN, STD)


class Standardised(nn.Module):
    """The layer that attack libraries ask for, before a network."""

    def __init__(self, net):
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.net = net

    def forward(self, x):
        return self.net((x - self.mean) / self.std)


class Unshaped(Standardised):
    """The same by tensors that are no buffers, shaped in forward; by a constant; the other way round; and in place."""

    def __init__(self, net):
        super().__init__(net)
        del self.mean, self.std
        self.mean, self.std = torch.tensor(MEAN), nn.Parameter(torch.tensor(STD))

    def forward(self, x):
        x = (-(self.mean.view(-1, 1, 1) - x)).div(self.std[None, :, None, None])
        x = x.clone().mul_(2).sub_(1)
        return self.net(torch.add(x, 1.0) / 2)


class Functional(nn.Module):
    """LeNet's kin: everything from functional, and a log-softmax in the end."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3, padding=1)
        self.hidden, self.head = nn.Linear(6 * 9, 10), nn.Linear(10, 5)

    def forward(self, x):
        x = (x - 0.5) / 0.5
        x = F.avg_pool2d(F.relu(self.first(x)), 2)
        x = F.dropout(F.relu(self.second(x), inplace=True), training=self.training)
        x = F.relu(self.hidden(torch.flatten(x, 1)))
        x = F.dropout(x, p=0.25, training=self.training)
        return F.log_softmax(self.head(x), dim=1)


class Residual(nn.Module):
    """A mean image, BatchNorm, a residual sum, a mean over pixels, a view of the size."""

    def __init__(self):
        super().__init__()
        self.register_buffer("image", torch.rand(3, 8, 8))
        self.stem, self.norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.branch = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4, affine=False), nn.Dropout2d())
        self.relu, self.scale = nn.ReLU(inplace=True), nn.Parameter(torch.tensor([0.5, -1.0, 2.0, 1.0]))
        self.features, self.head = nn.BatchNorm1d(4), nn.Linear(4, 5)

    def forward(self, x):
        out = self.relu(self.norm(self.stem(x - self.image)))
        out = out + self.scale.view(1, -1, 1, 1) * self.branch(out)
        out = F.adaptive_avg_pool2d(self.relu(out), 1)
        return self.head(self.features(out.view(out.size(0), -1)) * 3)


def cnn(activation, pool=None):
    """A small network with one kind of activation."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        activation(),
        pool or nn.Identity(),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(4 * (16 if pool else 64), 12),
        activation(),
        nn.Linear(12, 5),
    )


ALL = CERTIFICATIONS
NETWORKS = {
    "standardised": (lambda: Standardised(cnn(nn.ReLU)), ALL),
    "unshaped": (lambda: Unshaped(cnn(nn.ReLU)), ALL),
    "torchvision": (lambda: nn.Sequential(normalize(), cnn(nn.ReLU)), ALL),
    "functional": (Functional, ALL),
    "residual": (Residual, ALL),
    "sigmoid": (lambda: Standardised(cnn(nn.Sigmoid)), ALL),
    "tanh": (lambda: Standardised(cnn(nn.Tanh)), ALL),
    "average": (lambda: cnn(nn.ReLU, nn.AvgPool2d(2)), ALL),
    "largest": (lambda: Standardised(cnn(nn.ReLU, nn.MaxPool2d(2))), ("ibp", "crown-ibp", "crown")),
    "gelu": (lambda: Standardised(cnn(nn.GELU)), ("ibp", "dual")),
    "gelu by tanh": (lambda: cnn(lambda: nn.GELU("tanh")), ("ibp",)),
}
AFFINE = ("standardised", "unshaped", "torchvision")


@pytest.fixture(params=NETWORKS)
def name(request):
    return request.param


@pytest.fixture
def case(name):
    """A network with steep weights and running statistics of its own in inference mode, images and classes."""
    torch.manual_seed(0)
    model = NETWORKS[name][0]()
    x = torch.rand(3, 3, 8, 8)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight *= 2
        for _ in range(5):
            model(torch.rand(16, 3, 8, 8))
    return model.eval(), x, torch.arange(3)


@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_no_point_of_the_box_breaks_a_bound(name, case, epsilon, margins_of):
    model, x, y = case
    low, high = box(x, epsilon)
    share = torch.rand(30, *x.shape)
    points = [x[None], low + (high - low) * share, torch.where(share < 0.5, low, high)]
    with frozen(model):
        found = {method: bounds.margins(model, low, high, y, method) for method in NETWORKS[name][1]}
        for wrong in range(5):
            target = torch.full_like(y, wrong)
            attacked = pgd(model, x, target, epsilon=epsilon, step_size=epsilon / 4, steps=10, targeted=True)
            points.append(attacked[None])
        points = torch.cat(points)
        margins = margins_of(model(points.flatten(0, 1)), y.repeat(len(points))).unflatten(0, points.shape[:2])
    least = margins.min(dim=0).values
    for method, bound in found.items():
        assert bound.isfinite().all(), method
        assert (least >= bound - 1e-5 * (1 + bound.abs())).all(), method
        assert (bound >= found["ibp"]).all(), method


def test_a_box_of_one_point_has_the_margins_of_that_point(name, case, margins_of):
    model, x, y = case
    with torch.no_grad():
        exact = margins_of(model(x), y)
    for method in NETWORKS[name][1]:
        assert torch.allclose(bounds.margins(model, x, x, y, method), exact, atol=1e-4), method


@pytest.mark.parametrize("name", AFFINE)
def test_standardised_pixels_are_bounded_as_a_box_of_standardised_pixels_is(name, case):
    """The very bounds that the network behind has on the moved box: exact, whatever the signs."""
    model, x, y = case
    net = model[1] if name == "torchvision" else model.net
    low, high = box(x, 0.05)
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (MEAN, STD))
    moved = [(end - mean) / std for end in (low, high)]
    for method in ALL:
        expected = bounds.margins(net, torch.minimum(*moved), torch.maximum(*moved), y, method)
        assert torch.allclose(bounds.margins(model, low, high, y, method), expected, atol=1e-4), method


@pytest.mark.parametrize("name", ["standardised", "functional", "residual", "average"])
def test_the_dual_bound_is_auto_lirpas_same_slope_crown(case):
    model, x, y = case
    low, high = box(x, 0.02)
    expected = lirpa.margins(model, low, high, y, "dual")
    assert torch.allclose(zonotope.margins(model, low, high, y), expected, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in NETWORKS if "crown" in NETWORKS[name][1]])
def test_interval_propagation_is_auto_lirpas(name, case):
    model, x, y = case
    low, high = box(x, 0.05)
    verifier = lirpa.Verifier(model, x[0], "crown")
    with verifier._at_work(x.device):
        asked = lirpa._asked(low, high, difference_rows(5, y))
        expected = verifier._bounded.compute_bounds(**asked, method="IBP")[0]
        ours = interval.margins(model, low, high, y)
    assert torch.allclose(ours, expected, atol=1e-4 * float(1 + expected.abs().max()))


@pytest.mark.parametrize("name", ["standardised", "functional", "residual", "sigmoid", "gelu"])
def test_verifiable_training_sees_the_same_steps(case):
    """In training mode too dropout is left out, and the dual's estimate is near the exact bound."""
    model, x, y = case
    low, high = box(x, 0.02)
    exact = zonotope.margins(model, low, high, y)
    with torch.no_grad():
        spread = (dual.margins(model, x, x, y, 1) - exact).abs() + 1e-6
    model.train()
    found = dual.margins(model, low, high, y, 3000)
    assert ((found - exact).abs() / spread).mean() < 0.15
    plain = interval.margins(model, low, high, y).sum() + interval.loose_margins(model, low, high, y).sum()
    (found.sum() + plain).backward()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters() if weight.grad is not None)
    assert next(layer for layer in model.modules() if isinstance(layer, nn.Conv2d)).weight.grad.abs().sum() > 0
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("name", ["unshaped", "functional"])
def test_the_network_is_left_as_it_was(case):
    model, x, y = case
    before = set(vars(model)), {key: value.clone() for key, value in model.state_dict().items()}
    bounds.margins(model, *box(x, 0.1), y, "crown-ibp")
    assert set(vars(model)) == before[0]
    assert all(torch.equal(value, before[1][key]) for key, value in model.state_dict().items())


def test_constants_are_read_anew_each_time(margins_of):
    """A network that is followed once and changed then, as training does."""
    model, x, y = Standardised(cnn(nn.ReLU)).eval(), torch.rand(2, 3, 8, 8), torch.arange(2)
    for _ in range(2):
        for method in ("ibp", "dual", "crown"):
            with torch.no_grad():
                exact = margins_of(model(x), y)
            assert torch.allclose(bounds.margins(model, x, x, y, method), exact, atol=1e-4), method
        model.mean += 1


class Written(nn.Module):
    """A linear classifier behind a step of code."""

    def __init__(self, step):
        super().__init__()
        self.step, self.head = step, nn.Sequential(nn.Flatten(), nn.Linear(192, 5))

    def forward(self, x):
        return self.head(self.step(x))


class Steps(nn.Module):
    def __init__(self, code):
        super().__init__()
        self.code = code

    def forward(self, x):
        return self.code(x)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (lambda x: 1 / (x + 1), "truediv (layer step, Steps) has no bound by any method: the divisor depends"),
        (lambda x: x / (x.mean(3, keepdim=True) + 1), "truediv (layer step, Steps) has no bound by any method: the"),
        (lambda x: x * x, "mul (layer step, Steps) has no bound by any method: both factors depend on the image"),
        (lambda x: x / torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1), "truediv (layer step, Steps) has no bound by any"),
        (lambda x: torch.div(x, 2, rounding_mode="floor"), "div (layer step, Steps) has no bound by any method: round"),
        (F.dropout, "dropout (layer step, Steps) has no bound by any method: active in inference too"),
        (lambda x: x.round(), "round (layer step, Steps) has no bound by any method"),
        (lambda x: x + torch.rand(1, 3, 8, 8), "its steps cannot be followed (they give logits that are"),
    ],
)
def test_steps_that_no_method_bounds_are_named(code, told):
    model, x, y = Written(Steps(code)).eval(), torch.rand(2, 3, 8, 8), torch.arange(2)
    for method in ("ibp", "crown"):
        with pytest.raises(BoundError) as caught:
            bounds.margins(model, *box(x, 0.1), y, method)
        assert str(caught.value).startswith(f"network: {told}")
        assert "\n" not in str(caught.value)


def rectified_beside_itself(x):
    x = x - 0.2
    return F.relu(x, inplace=True) + x


def rectified_in_another_shape(x):
    x = x - 0.2
    return x.flatten(1).relu_().view(-1, 3, 8, 8) + x


def rectified_under_a_name_from_before(x):
    x = x - 0.2
    flat = x.flatten(1)
    return x.relu_() + flat.view(-1, 3, 8, 8)


@pytest.mark.parametrize(
    "code", [rectified_beside_itself, rectified_in_another_shape, rectified_under_a_name_from_before]
)
def test_what_is_changed_in_place_and_used_again_is_not_followed(code):
    """The sum sees the rectified image, the graph the image: at points above 0.2 they agree."""
    model, x, y = Written(Steps(code)).eval(), torch.rand(2, 3, 8, 8) / 2 + 0.4, torch.arange(2)
    with pytest.raises(BoundError, match=r"what goes into relu_? .* is changed in place and used again"):
        bounds.margins(model, *box(x, 0.3), y, "ibp")


@pytest.mark.parametrize(
    ("layer", "method", "told"),
    [
        (nn.MaxPool2d(2), "dual", "MaxPool2d (layer 1) has no bound by dual (use ibp, crown-ibp, crown)"),
        (nn.MaxPool2d(2), "alpha-crown", "MaxPool2d (layer 1) has no bound by alpha-crown (use ibp, crown-ibp, crown)"),
        (nn.GELU(), "crown", "GELU (layer 1) has no bound by crown (use ibp, dual)"),
        (nn.Softplus(), "ibp", "Softplus (layer 1) has no bound by any method"),
    ],
)
def test_a_refusal_names_the_layer_and_the_methods_that_do(layer, method, told):
    body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), layer, nn.Flatten())
    x, y = torch.rand(2, 3, 8, 8), torch.arange(2)
    model = nn.Sequential(*body, nn.Linear(body(x).shape[1], 5)).eval()
    for ask in (lambda: bounds.margins(model, x, x, y, method), lambda: bounds.require(model, x[0], method)):
        with pytest.raises(BoundError) as caught:
            ask()
        assert str(caught.value) == f"network: {told}"


@pytest.mark.parametrize(
    "last", [lambda x: F.softmax(x, dim=1), lambda x: x.softmax(-1), lambda x: torch.softmax(x, 1)]
)
def test_of_a_network_that_ends_in_a_softmax_the_logits_are_bounded(last):
    """As `probability_outputs` has it answer, with logarithms; as it comes, with probabilities, it is refused."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 5), Steps(last)).eval()
    x, y = torch.rand(2, 3, 8, 8), torch.arange(2)
    with pytest.raises(BoundError, match="they give logits that are"):
        bounds.margins(model, *box(x, 0.1), y, "crown")
    probability_outputs.make_logits(model, (3, 8, 8))
    for method in ("ibp", "crown"):
        expected = bounds.margins(model[:2], *box(x, 0.1), y, method)
        assert torch.allclose(bounds.margins(model, *box(x, 0.1), y, method), expected, atol=1e-5)


def test_a_gap_of_one_method_leaves_the_others():
    """Code that looks at what it is given: our own propagation cannot follow it, auto_LiRPA's trace does."""
    torch.manual_seed(0)

    class Wary(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 5))

        def forward(self, x):
            if not isinstance(x, torch.Tensor):
                raise TypeError("images, please")
            return self.net(x)

    model, x, y = Wary().eval(), torch.rand(2, 3, 8, 8), torch.arange(2)
    with pytest.raises(BoundError, match=r"cannot be followed .* \(use crown-ibp, crown, alpha-crown\)$"):
        bounds.margins(model, *box(x, 0.1), y, "ibp")
    assert torch.equal(
        bounds.margins(model, *box(x, 0.1), y, "crown"), lirpa.margins(model.net, *box(x, 0.1), y, "crown")
    )


def test_a_network_whose_steps_depend_on_the_image_is_bounded_by_no_method():
    """A trace has the way of one image; within the box others go another way, to other margins."""

    class Forked(nn.Module):
        def __init__(self):
            super().__init__()
            self.flat, self.usual, self.rare = nn.Flatten(), nn.Linear(192, 5), nn.Linear(192, 5)

        def forward(self, x):
            return (self.rare if float(x.mean()) > 0.9 else self.usual)(self.flat(x))

    model, x, y = Forked().eval(), torch.rand(2, 3, 8, 8), torch.arange(2)
    for method in ("ibp", "crown-ibp", "crown"):
        with pytest.raises(BoundError, match=r"steps cannot be followed \(float\(\) argument [^()]+\)$"):
            bounds.margins(model, torch.zeros_like(x), torch.ones_like(x), y, method)
