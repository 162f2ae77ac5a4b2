"""A layer norm as it is often written: float32 throughout, the variance as E[x^2] - E[x]^2. The oracle refutes it."""
import numpy as np

from protocol import Rejected, serve


def layer(case, call, state):
    x = call.inputs["x"]
    shape = tuple(case.config["normalizedShape"])
    if x.shape[x.ndim - len(shape):] != shape:
        raise Rejected(f"x of shape {x.shape} does not end in {shape}")
    weight = case.params.get("weight", np.ones(shape, x.dtype))
    bias = case.params.get("bias", np.zeros(shape, x.dtype))
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    batch = tuple(range(x.ndim - len(shape)))

    mean = x.mean(axes, keepdims=True)
    var = (x * x).mean(axes, keepdims=True) - mean * mean
    rstd = 1 / np.sqrt(var + x.dtype.type(case.config.get("eps", 1e-5)))
    xhat = (x - mean) * rstd
    y = xhat * weight + bias

    dy = call.gradOutputs.get("y", np.zeros_like(x))
    g = dy * weight
    dx = rstd * (g - g.mean(axes, keepdims=True) - xhat * (g * xhat).mean(axes, keepdims=True))
    grads = {"x": dx, "weight": (dy * xhat).sum(batch), "bias": dy.sum(batch)}
    return {"outputs": {"y": y}, "grads": {name: grads[name] for name in ("x", *case.params)}, "stateAfter": {}}


serve({"name": "numpy, naive", "language": "Python", "version": np.__version__}, {"layer": layer}, ("float32", "float64"))
