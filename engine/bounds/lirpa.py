"""Certified margins through auto_LiRPA (Xu et al. 2020): linear bounds, taken backwards through the network (CROWN).

Every ReLU that may or may not be active is held between two lines; methods differ in how these, and the bounds of what
goes into the ReLU, are found. Sound up to float32 rounding.
"""

import contextlib
import copy
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from engine.bounds import compat, plain
from engine.bounds.box import BoundError, difference_rows
from engine.bounds.graphs import UnfollowedError
from engine.models import memory
from engine.models.precision import arithmetic
from engine.validation import require_known

METHODS = ("crown-ibp", "dual", "crown", "alpha-crown")
"""crown-ibp: CROWN for the margins only, intervals inside the network (Zhang et al. 2020). Others bound inner layers by
CROWN too. dual: parallel lines, the bound of Wong and Kolter (2018). crown: the lower line that leaves less area (Zhang
et al. 2018). alpha-crown: crown, then the lower lines that the margins see are fitted to each image (Xu et al. 2021).
"""
ITERATIONS = 10
"""Steps of alpha-crown's fit; twice as many gained another 0.3 % on a Yale network."""
CACHE, CHUNK = 4 << 20, 1 << 30
"""Bytes of coefficients of the widest layer that are worked on at once on a CPU, in its cache, and on a GPU.

An H200 bounds 27 faces of 192x168 a second by crown-ibp with tiles of 3 images (128 MB), 223 with tiles of 24 (1 GB).
"""
ROWS = 256
"""Neurons of an inner layer bounded at once, if CROWN bounds those and there is room."""
COPIES = 24
"""Peak memory in units of those coefficients; measured: 13 for crown-ibp, 20 where inner layers are bounded too."""
BENDS = ("Relu", "LeakyRelu", "Sigmoid", "Tanh", "MaxPool")
AFFINE = ("Conv", "Linear", "BatchNormalization", "Add", "AveragePool", "GlobalAveragePool", "ReduceMean")
CHECKED = frozenset((*BENDS, *AFFINE, "Input", "Flatten", "Reshape", "Shape"))
"""auto_LiRPA's operators whose bounds are tested here. Others may be wrong: its Dropout and Pad are, silently."""


def margins(model: nn.Module, low: Tensor, high: Tensor, y: Tensor, method: str) -> Tensor:
    """What a `Verifier` made for this tile alone says; to make one takes 20 ms, at 192x168 pixels 100 ms."""
    return Verifier(model, low[0], method)(low, high, y)


def tile_size(model: nn.Module, image: Tensor, num_classes: int, method: str) -> int:
    """Images to bound at once: as many as are fast, on a GPU within half of its free memory, at least one.

    Inner layers are bounded by CROWN where any image of the tile has a neuron that may or may not be active, so that
    small tiles are faster on a CPU, and bounds other than crown-ibp's may differ a little between tilings.
    image: one image (channels, height, width) on the model's device.
    """
    each = _row_bytes(model, image) * (num_classes - 1 if method == "crown-ibp" else ROWS)
    at_once = _at_once(image.device)
    if image.device.type == "cuda":
        at_once = min(at_once, torch.cuda.mem_get_info(image.device)[0] // (2 * COPIES))
    return max(1, at_once // each)


class Verifier:
    """One network, read in as it is now, that gives certified margins of boxes of images.

    model: in inference mode; it is copied and stays as it is. image: an example (channels, height, width) on its
    device. method: one of `METHODS`. Raises `BoundError` for a network with a step that cannot be bounded.
    """

    def __init__(self, model: nn.Module, image: Tensor, method: str) -> None:
        require_known("certification", method, METHODS)
        self._method, self._network = method, model
        with self._at_work(image.device):
            self._network = _copied(_readable(model, image, method))
            self._row_bytes = _row_bytes(self._network, image)
            self._bounded = _read_in(self._network, image, method)
            self._check(image, model)

    def __call__(self, low: Tensor, high: Tensor, y: Tensor) -> Tensor:
        """Lower bounds (n, classes - 1) of the margins of y for all images in [low, high], (n, channels, h, w).

        float32, without gradient; minus infinity where the bound is not a number, as in a network that has diverged.
        """
        with self._at_work(low.device):
            found = self._lower(low.contiguous(), high.contiguous(), y)
        return torch.where(found.isnan(), -math.inf, found)

    def _lower(self, low: Tensor, high: Tensor, y: Tensor) -> Tensor:
        """The method's bounds."""
        asked = _asked(low, high, difference_rows(self._num_classes, y))
        if self._method == "crown-ibp":
            return self._bounded.compute_bounds(**asked, method="CROWN-IBP")[0]
        rows = max(16, _at_once(low.device) // (self._row_bytes * len(low)))
        self._bounded.set_bound_opts({"crown_batch_size": rows})
        found = self._bounded.compute_bounds(**asked, method="CROWN")[0]
        return torch.maximum(found, self._fitted(asked, found)) if self._method == "alpha-crown" else found

    def _fitted(self, asked: dict[str, Any], crown: Tensor) -> Tensor:
        """Alpha-crown's bounds; those of crown, which came just before, where there is nothing to fit."""
        before = [node.inputs[0] for node in self._bounded.children() if _kind(node) in BENDS]
        fits = any(_kind(node) == "Relu" for node in self._bounded.children())
        # Behind a layer that is inactive as a whole everything is constant: auto_LiRPA finds no gradient there.
        if not fits or any((node.upper <= 0).all() for node in before):
            return crown
        with torch.enable_grad():
            if hasattr(self._bounded, "init_slope"):
                # Release 0.3 would fit inner layers' lines too, at many times the memory and time.
                known = {node.name: (node.lower, node.upper) for node in before}
                asked = asked | {"intermediate_layer_bounds": known}
                start = {"c" if name == "C" else name: value for name, value in asked.items()}
                self._bounded.init_slope(**start)
                self._bounded.set_bound_opts({"optimize_bound_args": {"init_alpha": False}})
            return self._bounded.compute_bounds(**asked, method="CROWN-Optimized")[0].detach()

    def _check(self, image: Tensor, model: nn.Module) -> None:
        """Refuse a network that was read in wrongly: for a box of one point its bounds are not that point's margins."""
        generator = torch.Generator().manual_seed(0)
        # Not one image as in the example, whose number might have become part of the network; and few margins of them.
        x = torch.rand(2, *image.shape, generator=generator).to(image.device)
        logits = model(x)
        self._num_classes = logits.shape[1]
        rows = difference_rows(self._num_classes, torch.tensor([0, 1], device=x.device))[:, :3]
        found = self._bounded.compute_bounds(**_asked(x, x, rows), method="CROWN-IBP")[0]
        for node in self._bounded.children():
            if node.perturbed and (_kind(node) not in CHECKED or _bends_outwards(node)):
                raise BoundError(_refusal(_kind(node), node.name, self._network, self._method))
        error, scale = ((rows @ logits[..., None])[..., 0] - found).abs().max(), logits.abs().max()
        if error > 1e-3 * scale:
            raise BoundError(
                f"network: {self._method} misreads it (margins off by {error:.2g}, logits up to {scale:.2g})"
            )

    @contextlib.contextmanager
    def _at_work(self, device: torch.device) -> Iterator[None]:
        """The state in which bounds are computed; what goes wrong is the network's fault, unless memory is short."""
        try:
            with compat.quiet(), arithmetic("float32", device), torch.no_grad():
                yield
        except (BoundError, torch.AcceleratorError):
            raise
        except Exception as error:
            if memory.is_short(error):
                raise
            raise BoundError(_explained(error, self._network, self._method)) from error


def _at_once(device: torch.device) -> int:
    return CACHE if device.type == "cpu" else CHUNK


def _row_bytes(model: nn.Module, image: Tensor) -> int:
    """Bytes of one image's coefficients in one bound: a float32 for each number of its widest layer."""
    return 4 * memory.widest(model, image)


def _readable(model: nn.Module, image: Tensor, method: str) -> nn.Module:
    """The network in layers that are known to be read rightly; as it is, where its code cannot be followed.

    `UnfollowedError` where its steps depend on the image: what is read in is the way of one image only.
    """
    try:
        return plain.rewritten(model, image, method)
    except UnfollowedError:
        if not _takes_fixed_steps(model, image):
            raise
        return model


def _takes_fixed_steps(model: nn.Module, image: Tensor) -> bool:
    """Whether the network's code asks for no number of an image: it runs on tensors that have a shape only."""
    try:
        copy.deepcopy(model).to("meta")(image.new_empty((1, *image.shape), device="meta"))
    except Exception:  # noqa: BLE001 (code of one's own may raise anything)
        return False
    return True


def _copied(model: nn.Module) -> nn.Module:
    """The same function in the form auto_LiRPA reads: rows contiguous, linear layers with a bias, no dropout."""
    network = nn.Sequential(copy.deepcopy(model)).eval().to(memory_format=torch.contiguous_format)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Linear) and child.bias is None:
                child.bias = nn.Parameter(child.weight.new_zeros(child.out_features))
            elif isinstance(child, nn.Dropout):
                setattr(module, name, nn.Identity())
    return network[0]


def _read_in(network: nn.Module, image: Tensor, method: str) -> Any:
    """The network as auto_LiRPA's BoundedModule."""
    slope = "same-slope" if method == "dual" else "adaptive"
    options = {
        # Its other mode, `patches`, is silently wrong for strides over odd sizes and for dilations.
        "conv_mode": "matrix",
        "relu": slope,
        "activation_bound_option": slope,  # the same in releases after 0.3
        "sparse_features_alpha": False,  # fails in 0.3
        "optimize_bound_args": {"iteration": ITERATIONS, "early_stop_patience": ITERATIONS},
    }
    example = torch.zeros_like(image, dtype=torch.float32)[None]
    with _scopes(network):
        bounded = compat.auto_lirpa().BoundedModule(network, example, bound_opts=options)
    bounded.eval()
    return bounded


@contextlib.contextmanager
def _scopes(network: nn.Module) -> Iterator[None]:
    """Let the steps of a traced network be named after its layers."""
    before = torch.jit._trace._trace_module_map
    torch.jit._trace._trace_module_map = {module: name for name, module in network.named_modules()}
    try:
        yield
    finally:
        torch.jit._trace._trace_module_map = before


def _asked(low: Tensor, high: Tensor, rows: Tensor) -> dict[str, Any]:
    """Arguments of `compute_bounds`: lower bounds of the rows' products with the logits, in the box."""
    package = compat.auto_lirpa()
    box = package.PerturbationLpNorm(norm=math.inf, x_L=low, x_U=high)
    return {"x": (package.BoundedTensor(low, box),), "C": rows, "bound_upper": False}


def _kind(node: Any) -> str:
    """Name of an operator of auto_LiRPA, without its prefix."""
    return type(node).__name__.removeprefix("Bound")


def _bends_outwards(node: Any) -> bool:
    """A leaky ReLU that falls below zero, or is steeper there: its lines would lie on the wrong sides."""
    return _kind(node) == "LeakyRelu" and not 0 <= node.alpha <= 1


def _refusal(kind: str, name: str, network: nn.Module, method: str) -> str:
    """One line naming the step and, of a step named `.../layer/number`, the layer."""
    layer = name.split("/")[-2] if "/" in name else ""
    where = f" (layer {layer}, {type(network.get_submodule(layer)).__name__})" if layer else ""
    return f"network: {kind}{where} has no bound by {method}"


def _explained(error: Exception, network: nn.Module, method: str) -> str:
    """One line naming the step at which auto_LiRPA has failed, if there is one, else what it has said."""
    trace, line = error.__traceback__, ""
    while trace:
        found = trace.tb_frame.f_locals
        if trace.tb_frame.f_code.co_name == "_convert_nodes" and "unsupported_ops" in found:
            node = found["unsupported_ops"][0] if found["unsupported_ops"] else found["nodesOP"][found["n"]]
            kind = node.attr.get("operator", node.op.removeprefix("onnx::"))
            line = _refusal(kind, node.name, network, method)
        elif hasattr(step := found.get("self"), "bound_backward") and getattr(step, "name", None):
            line = _refusal(_kind(step), step.name, network, method)
        trace = trace.tb_next
    return line or f"network: {method} cannot read it ({type(error).__name__}: {' '.join(str(error).split())})"
