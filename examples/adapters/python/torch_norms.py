"""The norms that PyTorch has, with PyTorch's own gradients. Conventions are translated, numbers are not touched."""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm

from protocol import Rejected, Skipped, serve

torch.set_num_threads(1)

# what a case does not say
defaults = {
    "layer": {"eps": 1e-5},
    "rms": {"eps": 1e-6},
    "group": {"eps": 1e-5},
    "batch": {"eps": 1e-5, "momentum": 0.1, "trackRunningStats": True},
    "instance": {"eps": 1e-5, "momentum": 0.1, "trackRunningStats": False},
    "local-response": {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0, "normRegion": "acrossChannels", "divideBySize": True},
    "weight": {"dim": 0, "eps": 1e-12},
    "spectral": {"nPowerIterations": 1, "dim": 0, "eps": 1e-12, "mode": "power"},
    "cosine": {"centered": False, "eps": 1e-8},
}


def layer(case, call, t, state):
    return {"y": F.layer_norm(t["x"], case.config["normalizedShape"], t.get("weight"), t.get("bias"), case.config["eps"])}


def rms(case, call, t, state):
    if not hasattr(F, "rms_norm"):
        raise Skipped(f"PyTorch {torch.__version__} has no rms_norm")
    return {"y": F.rms_norm(t["x"], case.config["normalizedShape"], t.get("weight"), case.config["eps"])}


def group(case, call, t, state):
    return {"y": F.group_norm(t["x"], case.config["numGroups"], t.get("weight"), t.get("bias"), case.config["eps"])}


def of_running_statistics(modules):
    """Batch and instance norm: modules, of which there is one for each number of axes, with running statistics."""

    def norm(case, call, t, state):
        config, x = case.config, t["x"]
        if x.ndim not in modules:
            raise Skipped(f"PyTorch has no such norm for {x.ndim} axes")
        options = {"affine": "weight" in t, "track_running_stats": config["trackRunningStats"]}
        module = modules[x.ndim](config["numFeatures"], config["eps"], config["momentum"], dtype=x.dtype, **options)
        # the tensors themselves in place of the parameters, so that the gradient arrives at them
        for name in ("weight", "bias"):
            if name in t:
                delattr(module, name)
                setattr(module, name, t[name])
        buffers = {"running_mean": "runningMean", "running_var": "runningVar", "num_batches_tracked": "numBatchesTracked"}
        kept = {theirs: ours for theirs, ours in buffers.items() if ours in state}
        for theirs, ours in kept.items():
            getattr(module, theirs).copy_(state[ours])
        y = module.train(call.mode == "train")(x)
        state.update({ours: getattr(module, theirs).to(x.dtype) for theirs, ours in kept.items()})
        return {"y": y}

    return norm


def local_response(case, call, t, state):
    config, x = case.config, t["x"]
    if config["normRegion"] != "acrossChannels":
        raise Skipped("PyTorch's windows lie across the channels")
    # PyTorch always divides alpha by the size, and wants an axis behind the channels
    alpha = config["alpha"] if config["divideBySize"] else config["alpha"] * config["size"]
    options = config["size"], alpha, config["beta"], config["k"]
    return {"y": F.local_response_norm(x[..., None] if x.ndim == 2 else x, *options).reshape(x.shape)}


def through_layer(case, t, weight):
    layer = case.config.get("layer")
    if layer is None:
        return {"weight": weight}
    if layer["kind"] == "linear":
        return {"y": F.linear(t["x"], weight, t.get("bias"))}
    return {"y": F.conv2d(t["x"], weight, t.get("bias"), layer.get("stride", 1), layer.get("padding", 0))}


def weight(case, call, t, state):
    dim, v = case.config["dim"], t["weightV"]
    if call.op is not None:
        raise Skipped("PyTorch has no start from data")
    if case.config["eps"] != 1e-12:
        raise Skipped("PyTorch's weight norm has no eps")
    # PyTorch's -1 is the norm of the whole weight, and not the last axis
    axis = -1 if dim is None else dim + v.ndim if dim < 0 else dim
    return through_layer(case, t, torch._weight_norm(v, t["weightG"], axis))


def spectral(case, call, t, state):
    """torch.nn.utils.spectral_norm, whose power method begins with v as the paper's does."""
    config, dim = case.config, power_method(case, t)
    holder = torch.nn.Module()
    holder.weight_orig, holder.weight_u, holder.weight_v = t["weight"], state["u"], state["v"]
    norm = SpectralNorm("weight", config["nPowerIterations"], dim, config["eps"])
    return through_layer(case, t, norm.compute_weight(holder, do_power_iteration=call.mode == "train"))


def spectral_parametrization(case, call, t, state):
    """torch.nn.utils.parametrizations.spectral_norm, whose power method begins with u."""
    config, dim = case.config, power_method(case, t)
    if t["weight"].ndim == 1:
        raise Skipped("PyTorch's parametrization divides a vector by its length, without u and v")
    norm = _SpectralNorm(t["weight"].detach(), config["nPowerIterations"], dim, config["eps"])
    norm._u, norm._v = state["u"], state["v"]
    return through_layer(case, t, norm.train(call.mode == "train")(t["weight"]))


def power_method(case, t):
    """The axis of the outputs, counted from the front."""
    if case.config["mode"] != "power":
        raise Skipped("PyTorch follows the singular value by the power method")
    dim = case.config["dim"]
    return dim + t["weight"].ndim if dim < 0 else dim


def cosine(case, call, t, state):
    layer, eps = case.config["layer"], case.config["eps"]
    x, w = t["x"], t["weight"].flatten(1)
    if layer["kind"] == "conv2d":
        kernel, padding, stride = t["weight"].shape[2:], layer.get("padding", 0), layer.get("stride", 1)
        space = [(n + 2 * padding - k) // stride + 1 for n, k in zip(x.shape[2:], kernel)]
        x = F.unfold(x, kernel, padding=padding, stride=stride).mT
    if case.config["centered"]:
        x, w = x - x.mean(-1, keepdim=True), w - w.mean(-1, keepdim=True)
    y = F.linear(F.normalize(x, dim=-1, eps=eps), F.normalize(w, dim=-1, eps=eps), t.get("bias"))
    return {"y": y if layer["kind"] == "linear" else y.mT.unflatten(-1, space)}


def differentiated(name, norm):
    """A function of the protocol from one of torch tensors: autograd gives its gradients."""

    def answer(case, call, state):
        case.config = {**defaults[name], **case.config}
        kind = getattr(torch, case.dtype.name)
        given = {name: torch.tensor(array, dtype=kind, requires_grad=True) for name, array in {**case.params, **call.inputs}.items()}
        running = {name: torch.tensor(array, dtype=kind) for name, array in state.items()}
        try:
            outputs = norm(case, call, given, running)
            grads = {}
            if call.gradOutputs:
                weights = [torch.tensor(call.gradOutputs[name], dtype=kind) for name in outputs]
                found = torch.autograd.grad(list(outputs.values()), list(given.values()), weights, allow_unused=True)
                grads = {name: torch.zeros_like(given[name]) if g is None else g for name, g in zip(given, found)}
        except (RuntimeError, ValueError, IndexError, TypeError) as error:  # PyTorch's way to refuse shapes and options
            raise Rejected(str(error).split("\n")[0])
        state.update({name: np.array(tensor) for name, tensor in running.items()})
        return {"outputs": detached(outputs), "grads": detached(grads), "stateAfter": dict(state)}

    return answer


def detached(tensors):
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


norms = {
    "layer": layer,
    "rms": rms,
    "group": group,
    "batch": of_running_statistics({2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d, 5: torch.nn.BatchNorm3d}),
    "instance": of_running_statistics({3: torch.nn.InstanceNorm1d, 4: torch.nn.InstanceNorm2d, 5: torch.nn.InstanceNorm3d}),
    "local-response": local_response,
    "weight": weight,
    "spectral": spectral_parametrization if "--parametrizations" in sys.argv else spectral,
    "cosine": cosine,
}

if __name__ == "__main__":
    serve(
        {"name": "PyTorch", "language": "Python", "version": torch.__version__},
        {name: differentiated(name, norm) for name, norm in norms.items()},
        ("float32", "float64"),
    )
