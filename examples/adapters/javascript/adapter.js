/** Holds the function of batch-norm.js against the oracle: `normgrad check batch -- node adapter.js`. */
import { backward, forward } from './batch-norm.js';
import { Rejected, serve } from './protocol.js';

function batch({ config, params }, { mode, inputs, gradOutputs }, state) {
  const { eps = 1e-5, momentum = 0.1, trackRunningStats = true } = config;
  const { shape, data } = inputs.x;
  const training = mode === 'train';
  check(shape, { eps, momentum, training, trackRunningStats }, { ...params, ...state });

  // what the protocol calls things, and what the function does
  const options = { weight: params.weight?.data, bias: params.bias?.data, eps, training };
  if (trackRunningStats) {
    options.running = { mean: state.runningMean.data, variance: state.runningVar.data };
    if (training) state.numBatchesTracked.data[0] += 1;
    options.momentum = momentum ?? 1 / state.numBatchesTracked.data[0]; // null: the average over all calls
  }
  const { y, saved } = forward(data, shape, options);

  const result = { outputs: { y: { shape, data: y } }, grads: {}, stateAfter: state };
  if (gradOutputs.y) {
    const found = backward(gradOutputs.y.data, shape, options, saved);
    for (const [name, { shape: own }] of Object.entries({ x: inputs.x, ...params })) result.grads[name] = { shape: own, data: found[name] };
  }
  return result;
}

function check(shape, { eps, momentum, training, trackRunningStats }, perChannel) {
  if (shape.length < 2) throw new Rejected(`x is [N, C, ...spatial], got ${shape.length} axes`);
  if (!(eps >= 0 && eps < Infinity)) throw new Rejected(`eps must be finite and not negative, got ${eps}`);
  if (momentum !== null && !(momentum >= 0 && momentum <= 1)) throw new Rejected(`momentum must be in [0, 1], got ${momentum}`);
  for (const [name, { shape: own }] of Object.entries(perChannel)) {
    const want = name === 'numBatchesTracked' ? [] : [shape[1]];
    if (String(own) !== String(want)) throw new Rejected(`${name} must have the shape [${want}], got [${own}]`);
  }
  const count = shape.reduce((a, b) => a * b, 1) / shape[1];
  if ((training || !trackRunningStats) && count < 2) throw new Rejected('one value has no variance');
}

await serve({ name: 'batch-norm.js', language: 'JavaScript', version: '1' }, { batch }, { dtypes: ['float32', 'float64'] });
