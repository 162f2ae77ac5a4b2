"""The protocol of `normgrad check` for Python: one JSON object a line, in and out. Copy this file; nothing in it needs a change.

A norm is a function of a case and one of its calls. It returns what came out, as dictionaries of arrays:

    def layer(case, call, state):
        return {"outputs": {"y": ...}, "grads": {"x": ..., "weight": ...}, "stateAfter": {}}

case.config holds the options, case.params and call.inputs the numpy arrays that the gradient is asked of,
call.gradOutputs the weights of the outputs, call.mode "train" or "eval". `state` runs on from call to call: put its
new arrays there. A part that is left out of the answer is reported as untested.
"""
import base64
import json
import math
import sys
import traceback
from types import SimpleNamespace

import numpy as np


class Skipped(Exception):
    """Raised for a case that the implementation does not have."""


class Rejected(Exception):
    """Raised for a case that is invalid, as a shape that does not fit or a negative eps."""


def array_from_json(tensor, dtype):
    if "b64" in tensor:
        data = np.frombuffer(base64.b64decode(tensor["b64"]), "<f4" if tensor["dtype"] == "float32" else "<f8")
    else:
        data = [float(number) for number in tensor["data"]]  # "NaN", "Infinity", "-Infinity" and "-0" are strings
    return np.array(data, dtype).reshape(tensor["shape"])


def option_from_json(value):
    return float(value) if value in ("NaN", "Infinity", "-Infinity", "-0") else value


def array_to_json(array):
    array = np.asarray(array)
    return {"shape": list(array.shape), "data": [number_to_json(number) for number in array.ravel().tolist()]}


def number_to_json(number):
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return "-0" if number == 0 and math.copysign(1, number) < 0 else number


def arrays(tensors, dtype):
    return {name: array_from_json(tensor, dtype) for name, tensor in (tensors or {}).items()}


def run(norms, message):
    """The results of a case, one for each of its calls."""
    dtype = np.dtype(message.get("dtype", "float32"))
    if message["norm"] not in norms:
        raise Skipped(f"no {message['norm']} norm here")
    config = {name: option_from_json(value) for name, value in message.get("config", {}).items()}
    case = SimpleNamespace(config=config, params=arrays(message.get("params"), dtype), dtype=dtype)
    state = arrays(message.get("state"), dtype)
    results = []
    for asked in message["calls"]:
        call = SimpleNamespace(
            mode=asked.get("mode", "train"),
            op=asked.get("op"),
            inputs=arrays(asked.get("inputs"), dtype),
            gradOutputs=arrays(asked.get("gradOutputs"), dtype),
        )
        result = norms[message["norm"]](case, call, state)
        results.append({
            part: {name: array_to_json(array) for name, array in tensors.items()} for part, tensors in result.items()
        })
    return results


def serve(implementation, norms, dtypes=("float32",), features=("state", "eval")):
    """Answers messages until `stop` or the end of the input. `implementation` is {"name", "language", "version"}."""
    lines, sys.stdout = sys.stdout, sys.stderr  # a print in a norm must not get between the messages
    np.seterr(all="ignore")  # non-finite data are asked for on purpose
    for line in sys.stdin:
        if not line.strip():
            continue
        message = json.loads(line)
        if message["cmd"] == "stop":
            break
        if message["cmd"] == "start":
            reply = {"version": 1, "implementation": implementation, "norms": list(norms), "dtypes": list(dtypes),
                     "features": list(features)}
        else:
            reply = {"seq": message.get("seq")}
            try:
                reply["results"] = run(norms, message["case"])
            except Skipped as reason:
                reply.update(skipped=True, message=str(reason))
            except Rejected as reason:
                reply.update(rejected=True, message=str(reason))
            except Exception as error:
                reply.update(errored=True, message=repr(error), traceback=traceback.format_exc())
        lines.write(json.dumps(reply, allow_nan=False) + "\n")
        lines.flush()
