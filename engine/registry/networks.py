"""The families of networks."""

from engine.registry.rows import NetworkRow, Registry

NETWORKS = Registry(
    "networks",
    NetworkRow(
        name="small-cnn",
        words="two convolutions, for digits",
        code="engine.models.networks:small_cnn",
        parameters=(1152, 160, 256, 640),
    ),
    NetworkRow(
        name="yale-cnn",
        words="eight convolutions, the paper's for Yale",
        code="engine.models.networks:yale_cnn",
        parameters=(1143, 50, 6.25, 7600),
        channels_last=True,
    ),
    NetworkRow(
        name="fashion-cnn",
        words="six convolutions, the paper's for Fashion-MNIST",
        code="engine.models.networks:fashion_cnn",
        parameters=(27648, 300, 400, 2000),
        channels_last=True,
    ),
    NetworkRow(
        name="wide-resnet",
        words="a wide residual network, the paper's for CIFAR-10",
        code="engine.models.networks:wide_resnet",
        parameters=(463_000, 3_000, 0, 0),
        channels_last=True,
    ),
)
