import pytest
import torch
from torch import nn

from engine.models import networks


class Forked(nn.Module):
    """A network of one's own: a residual sum, BatchNorm, leaky and functional ReLU, pooling, a view of the size."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.LeakyReLU(0.1))
        self.branch = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.pool = nn.AvgPool2d(2)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = self.stem(x)
        x = torch.relu(x + self.branch(x))
        x = self.pool(x)
        return self.head(x.view(x.size(0), -1))


def family(name, size=(8, 8), channels=1, capacity=0.5):
    return lambda: networks.build(name, in_channels=channels, image_size=size, num_classes=5, capacity=capacity)


NETWORKS = {
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 5)),
    "forked": Forked,
    "small-cnn": family("small-cnn"),
    "yale-cnn": family("yale-cnn", size=(13, 12), capacity=1),
    "fashion-cnn": family("fashion-cnn", capacity=0.25),
    "wide-resnet": family("wide-resnet", channels=3, capacity=0.2),
}
SHAPES = {"yale-cnn": (1, 13, 12), "wide-resnet": (3, 8, 8)}
DUAL = [name for name in NETWORKS if name != "wide-resnet"]


@pytest.fixture(params=NETWORKS)
def name(request):
    return request.param


@pytest.fixture
def case(name):
    """A network with running statistics of its own in inference mode, images and classes."""
    torch.manual_seed(0)
    model = NETWORKS[name]()
    x = torch.rand(6, *SHAPES.get(name, (1, 8, 8)))
    with torch.no_grad():
        for _ in range(5):
            model(torch.rand_like(x))
    return model.eval(), x, torch.arange(6) % 5


@pytest.fixture
def margins_of():
    """True margins (n, classes - 1) of logits."""

    def margins(logits, y):
        wrong = torch.stack([torch.tensor([j for j in range(logits.shape[1]) if j != own]) for own in y.tolist()])
        return logits.gather(1, y[:, None]) - logits.gather(1, wrong)

    return margins
