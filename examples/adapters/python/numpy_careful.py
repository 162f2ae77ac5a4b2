"""A layer norm with care: two passes, sums in float64, and what makes no norm is rejected. The oracle passes it."""
import math

import numpy as np

from protocol import Rejected, serve


def layer(case, call, state):
    x, dy = call.inputs["x"], call.gradOutputs.get("y")
    shape, eps = tuple(case.config["normalizedShape"]), case.config.get("eps", 1e-5)
    if x.shape[x.ndim - len(shape):] != shape:
        raise Rejected(f"x of shape {x.shape} does not end in {shape}")
    if not (math.isfinite(eps) and eps >= 0):
        raise Rejected(f"eps must be finite and not negative, got {eps}")
    for name, parameter in case.params.items():
        if parameter.shape != shape:
            raise Rejected(f"{name} must have the shape {shape}, got {parameter.shape}")
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    batch = tuple(range(x.ndim - len(shape)))
    wide = {name: parameter.astype(np.float64) for name, parameter in case.params.items()}
    weight, bias = wide.get("weight", 1.0), wide.get("bias", 0.0)

    centered = x.astype(np.float64)
    centered = centered - centered.mean(axes, keepdims=True)
    rstd = 1 / np.sqrt((centered * centered).mean(axes, keepdims=True) + eps)
    xhat = centered * rstd
    result = {"outputs": {"y": (xhat * weight + bias).astype(x.dtype)}, "grads": {}, "stateAfter": {}}
    if dy is None:
        return result

    g = dy * weight
    dx = rstd * (g - g.mean(axes, keepdims=True) - xhat * (g * xhat).mean(axes, keepdims=True))
    wide_dy = dy.astype(np.float64)
    grads = {"x": dx, "weight": (wide_dy * xhat).sum(batch), "bias": wide_dy.sum(batch)}
    result["grads"] = {name: grads[name].astype(x.dtype) for name in ("x", *case.params)}
    return result


serve({"name": "numpy, careful", "language": "Python", "version": np.__version__}, {"layer": layer}, ("float32", "float64"))
