/**
 * The normalizations of TensorFlow.js, with its own gradients, against the oracle. Conventions are translated, numbers
 * are not touched: channels go to the end and back, and Keras' momentum weighs the old value.
 *
 * With --corrected the adapter goes around what is known to differ, to show what lies behind it: every layer has scale
 * and offset, ones and zeros where the case has none, because without one of the two the layers of 4.22.0 throw; and the
 * running variance moves towards the unbiased one, as in PyTorch and the paper, where the library takes the biased one.
 */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { Rejected, Skipped, serve } from '../javascript/protocol.js';

const corrected = process.argv.includes('--corrected');

/** A layer with the case's parameters for its own. */
function built(layer, shape, values) {
  layer.build(shape);
  const own = Object.fromEntries(layer.weights.map((weight) => [weight.originalName.split('/').pop(), weight.val]));
  for (const [name, value] of Object.entries(values)) if (value) own[name].assign(value);
  return own;
}

const given = (own, { gamma, beta }) => ({ ...(gamma && { weight: own.gamma }), ...(beta && { bias: own.beta }) });

function layer({ config }, { mode }, { x, weight: gamma, bias: beta }) {
  const { normalizedShape, eps: epsilon = 1e-5 } = config;
  const ends = x.shape.slice(x.rank - normalizedShape.length);
  if (String(ends) !== String(normalizedShape)) throw new Rejected(`[${x.shape}] does not end in [${normalizedShape}]`);
  const axis = normalizedShape.map((_, i) => i - normalizedShape.length);
  const norm = layers.layers.layerNormalization({ axis, epsilon, scale: corrected || !!gamma, center: corrected || !!beta });
  const own = built(norm, x.shape, { gamma, beta });
  return { asked: { x, ...given(own, { gamma, beta }) }, run: () => ({ y: norm.apply(x, { training: mode === 'train' }) }) };
}

function batch({ config }, { mode }, { x, weight: gamma, bias: beta }, state) {
  const { eps: epsilon = 1e-5, momentum = 0.1, trackRunningStats = true } = config;
  if (momentum === null) throw new Skipped('TensorFlow.js has no average over all calls');
  if (mode === 'eval' && !trackRunningStats) throw new Skipped('TensorFlow.js evaluates with running statistics');
  // at another axis than the last the gradient of the library throws
  const last = [0, ...x.shape.slice(2).map((_, i) => i + 2), 1];
  const back = x.shape.map((_, i) => last.indexOf(i));
  const norm = layers.layers.batchNormalization({ axis: -1, epsilon, momentum: 1 - momentum, scale: corrected || !!gamma, center: corrected || !!beta });
  const { runningMean: moving_mean, runningVar: moving_variance } = state;
  const others = x.size / x.shape[1] - 1;
  const unbiased = (moved, before) => tf.add(moved, tf.div(tf.sub(moved, tf.mul(before, 1 - momentum)), others));
  const own = built(norm, last.map((axis) => x.shape[axis]), { gamma, beta, moving_mean, moving_variance });
  return {
    asked: { x, ...given(own, { gamma, beta }) },
    run: () => ({ y: tf.transpose(norm.apply(tf.transpose(x, last), { training: mode === 'train' }), back) }),
    after() {
      if (!trackRunningStats) return {};
      // the library does not count batches: this count is the adapter's
      const numBatchesTracked = mode === 'train' ? tf.add(state.numBatchesTracked, 1) : state.numBatchesTracked;
      const runningVar = corrected && mode === 'train' ? unbiased(own.moving_variance, moving_variance) : own.moving_variance;
      return { runningMean: own.moving_mean, runningVar, numBatchesTracked };
    },
  };
}

function localResponse({ config }, call, { x }) {
  const { size = 5, alpha = 1e-4, beta = 0.75, k = 1, normRegion = 'acrossChannels', divideBySize = true } = config;
  if (normRegion !== 'acrossChannels') throw new Skipped("TensorFlow.js' windows lie across the channels");
  if (size % 2 === 0) throw new Skipped("TensorFlow.js' windows have a radius, so an odd size");
  const [samples, channels] = x.shape;
  const run = () => {
    const last = tf.transpose(tf.reshape(x, [samples, channels, -1, 1]), [0, 2, 3, 1]);
    const y = tf.localResponseNormalization(last, (size - 1) / 2, k, divideBySize ? alpha / size : alpha, beta);
    return { y: tf.reshape(tf.transpose(y, [0, 3, 1, 2]), x.shape) };
  };
  return { asked: { x }, run };
}

/** A function of the protocol from one of variables of TensorFlow.js, which takes the gradients. */
function differentiated(norm) {
  return (own, call, state) => {
    tf.engine().startScope();
    try {
      const tensors = (record) => Object.fromEntries(Object.entries(record).map(([name, { shape, data }]) => [name, tf.tensor(data, shape, 'float32')]));
      const variables = Object.fromEntries(Object.entries(tensors({ ...own.params, ...call.inputs })).map(([name, x]) => [name, tf.variable(x)]));
      const { asked, run, after = () => ({}) } = norm(own, call, variables, tensors(state));
      const weights = Object.entries(tensors(call.gradOutputs));
      let outputs;
      const weighted = () => {
        const found = run();
        outputs = read(found);
        return tf.addN(weights.map(([name, weight]) => tf.sum(tf.mul(found[name], weight))));
      };
      if (weights.length === 0) outputs = read(run());
      const { grads } = weights.length > 0 ? tf.variableGrads(weighted, Object.values(asked)) : { grads: {} };
      const found = Object.fromEntries(Object.entries(asked).flatMap(([name, { name: key }]) => (grads[key] ? [[name, grads[key]]] : [])));
      const moved = read(after());
      for (const [name, tensor] of Object.entries(moved)) state[name] = tensor;
      return { outputs, grads: read(found), stateAfter: moved };
    } catch (error) {
      if (error.constructor.name === 'NotImplementedError') throw new Skipped(error.message);
      // a plain error is how the library refuses; a TypeError is one inside it
      if (error.constructor === Error || error.constructor.name === 'ValueError') throw new Rejected(error.message);
      throw error;
    } finally {
      tf.engine().endScope();
      tf.disposeVariables();
    }
  };
}

const read = (tensors) => Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, { shape: x.shape, data: x.dataSync().slice() }]));

await tf.setBackend('cpu');
const norms = { layer, batch, 'local-response': localResponse };
await serve(
  { name: 'TensorFlow.js', language: 'JavaScript', version: tf.version_core },
  Object.fromEntries(Object.entries(norms).map(([name, norm]) => [name, differentiated(norm)])),
);
